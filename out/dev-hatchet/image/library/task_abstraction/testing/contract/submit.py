"""What submit promises."""

# ruff: noqa: S101, PLR2004 - tests assert

import asyncio
from datetime import timedelta

import pytest

from task_abstraction.base import TaskBackend
from task_abstraction.errors import TaskNotRegistered
from task_abstraction.models import Call, Feature
from task_abstraction.testing.contract.fixtures import Fixtures
from task_abstraction.testing.contract.tasks import OTHER_QUEUE, QUEUE, Point

JSON = {
    "text": "Grüße \U0001f600",
    "none": None,
    "true": True,
    "whole": 2**53,
    "part": 0.1,
    "list": [1, [2, {}]],
    "": "",
}


class SubmitContract(Fixtures):
    """Ids, names, arguments, queues, batches."""

    def test_an_id_is_text_and_its_own(self, backend: TaskBackend) -> None:
        """Each submit gives another id."""
        ids = [backend.submit("contract_add", 1) for _ in range(3)]
        kinds: set[type] = {type(one) for one in ids}
        assert kinds == {str}
        assert len(set(ids)) == 3

    def test_an_unknown_name_is_an_error(self, backend: TaskBackend) -> None:
        """A name that nobody registered never reaches the broker, where it would vanish."""
        with pytest.raises(TaskNotRegistered) as caught:
            backend.submit("contract_nobody")
        assert str(caught.value).splitlines()[0] == "Task 'contract_nobody' not registered"

    def test_arguments_that_do_not_fit_are_an_error(self, backend: TaskBackend) -> None:
        """A missing argument is found at submit."""
        with pytest.raises(TypeError, match="contract_add"):
            backend.submit("contract_add")

    def test_what_json_cannot_say_is_an_error(self, backend: TaskBackend) -> None:
        """A value that a worker could not rebuild is found at submit."""
        with pytest.raises(TypeError, match="object"):
            backend.submit("contract_echo", object())

    def test_json_comes_back_as_it_was(self, backend: TaskBackend) -> None:
        """Every kind of JSON value survives both ways."""
        assert self.done(backend, backend.submit("contract_echo", JSON)).unwrap() == JSON

    def test_a_dataclass_is_rebuilt(self, backend: TaskBackend) -> None:
        """Argument and result are objects of the annotated class."""
        assert self.done(backend, backend.submit("contract_move", Point(1, 2), by=3)).unwrap() == Point(4, 5)

    def test_keywords_belong_to_the_task(self, backend: TaskBackend) -> None:
        """Keywords that are named like submit options reach the task."""
        given = {
            "queue": "a",
            "delay": 3,
            "eta": "now",
            "priority": 9,
            "expires": 1,
            "idempotency_key": "k",
            "name": "n",
        }
        assert self.done(backend, backend.submit("contract_keywords", **given)).unwrap() == given

    def test_the_task_knows_itself(self, backend: TaskBackend) -> None:
        """The context has id, name, first attempt and the resolved queue."""
        task_id = backend.submit("contract_who")
        expected = {"id": task_id, "name": "contract_who", "attempt": 1, "queue": QUEUE}
        assert self.done(backend, task_id).unwrap() == expected

    def test_a_queue_of_one_submit_reaches_the_worker(self, backend: TaskBackend) -> None:
        """`using(queue=)` wins over the task's own queue."""
        if self.gives(backend, Feature.QUEUE_OVERRIDE):
            task_id = backend.using(queue=OTHER_QUEUE).submit("contract_who")
            assert self.done(backend, task_id).unwrap()["queue"] == OTHER_QUEUE

    def test_an_async_body_is_awaited(self, backend: TaskBackend) -> None:
        """An `async def` gives its value, not a coroutine."""
        if self.gives(backend, Feature.ASYNC_TASKS):
            assert self.done(backend, backend.submit("contract_async", 20, 22)).unwrap() == 42

    def test_a_batch_keeps_its_order(self, backend: TaskBackend) -> None:
        """`submit_many` returns the ids in the order of the calls."""
        if self.gives(backend, Feature.BATCH):
            ids = backend.submit_many("contract_add", [Call((number,), {"b": 10}) for number in range(5)])
            assert [self.done(backend, one).unwrap() for one in ids] == [10, 11, 12, 13, 14]

    def test_a_batch_takes_the_options(self, backend: TaskBackend) -> None:
        """`using(...).submit_many` is the same batch: on another queue, and for later."""
        if self.gives(backend, Feature.BATCH) and self.gives(backend, Feature.QUEUE_OVERRIDE):
            ids = backend.using(queue=OTHER_QUEUE).submit_many("contract_who", [Call(), Call()])
            assert [self.done(backend, one).unwrap()["queue"] for one in ids] == [OTHER_QUEUE, OTHER_QUEUE]
        if self.gives(backend, Feature.BATCH) and self.gives(backend, Feature.DELAY):
            ids = backend.using(delay=timedelta(seconds=1)).submit_many("contract_add", [Call((1,)), Call((2,))])
            assert [self.done(backend, one).unwrap() for one in ids] == [1, 2]

    def test_submit_from_a_running_loop(self, backend: TaskBackend) -> None:
        """`asubmit` does what `submit` does."""

        async def twice() -> list[str]:
            return [await backend.asubmit("contract_add", 1, b=1), await backend.asubmit("contract_add", 2, b=2)]

        assert [self.done(backend, one).unwrap() for one in asyncio.run(twice())] == [2, 4]
