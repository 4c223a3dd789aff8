"""The backend without an engine: what is refused, and what is said when the engine is away."""

import asyncio
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from task_abstraction import BackendUnavailable, Call, ConfigurationError, TaskNotRegistered, UnsupportedFeature
from task_abstraction.backends.hatchet.place import check_place, refuse_cut
from task_abstraction.config import parse_plan
from task_abstraction.serving import build_job
from tests.support.hatchet_token import TENANT
from tests.support.need import need

SOON = timedelta(seconds=5)


def add(x: int, y: int = 1) -> int:
    """Add two numbers."""
    return x + y


async def wait_for_it() -> None:
    """Do nothing, asynchronously."""


class TestRefusals:
    """What Hatchet cannot honour is refused before anything is sent."""

    def test_a_name_with_a_dot(self, make_backend):
        """Statistics and scalers read it as a path."""
        with pytest.raises(ConfigurationError, match=r"task name 'a\.b': Hatchet takes no dots"):
            make_backend().register_task(add, "a.b")

    def test_a_name_that_begins_with_the_namespace(self, make_backend, monkeypatch):
        """The SDK would not put the namespace before it, and nobody would find it."""
        monkeypatch.setenv("HATCHET_CLIENT_NAMESPACE", "Shop")
        make_backend().register_task(add, "shopping")
        with pytest.raises(ConfigurationError, match=r"task name 'shop_add' begins with the namespace 'shop_'\. Give"):
            make_backend().register_task(add, "shop_add")

    def test_a_delay_with_an_idempotency_key(self, make_backend):
        """The engine would drop the run in silence, and its id with it."""
        with pytest.raises(UnsupportedFeature, match=r"^Hatchet cannot honour 'idempotency_key' on task") as raised:
            make_backend().using(delay=SOON, idempotency_key="k")
        assert raised.value.hint == "Submit without delay, or without the key"

    def test_expires(self, make_backend):
        """The deadline belongs to the task."""
        with pytest.raises(UnsupportedFeature, match=r"'expires'.*Set it on the task"):
            make_backend().using(expires=SOON)

    def test_a_priority_that_is_none(self, make_backend):
        """There are three."""
        with pytest.raises(ValueError, match="priority 9"):
            make_backend().using(priority=9)

    def test_cut_with_a_synchronous_task(self, make_backend):
        """Its result would be thrown away, and it would run again."""
        tier = {"backend": "hatchet", "queues": ["q"], "shutdown": "cut"}
        backend = make_backend(plan=parse_plan({"tiers": {"t": tier}}))
        backend.register_task(add, queue="q")

        with pytest.raises(ConfigurationError, match="tier 't': Hatchet cannot cut the synchronous task 'add'"):
            refuse_cut(build_job(backend, queues=["q"]))

    def test_cut_with_coroutines_alone(self, make_backend):
        """A coroutine can be cancelled."""
        tier = {"backend": "hatchet", "queues": ["q"], "shutdown": "cut"}
        backend = make_backend(plan=parse_plan({"tiers": {"t": tier}}))
        backend.register_task(wait_for_it, queue="q")

        refuse_cut(build_job(backend, queues=["q"]))


class TestUnknownNames:
    """The engine would answer with an id and lose the task."""

    @pytest.fixture
    def backend(self, api, make_backend):
        """A backend whose engine knows `added` alone."""
        rows = [{"name": name, "metadata": {"id": name}} for name in ("added", "added_later")]
        api.answers[f"/api/v1/tenants/{TENANT}/workflows"] = (200, {"rows": rows})
        made = make_backend(api.url)
        made.register_task(add)
        return made

    def test_a_name_that_no_worker_registered_is_refused(self, backend):
        """Also when this process has the function."""
        with pytest.raises(TaskNotRegistered) as raised:
            backend.submit("add", 1)
        assert str(raised.value).splitlines() == [
            "Task 'add' not registered",
            "The engine would lose it: no worker has registered this name. Start a worker that serves its queue first.",
        ]

    def test_a_delayed_submit_is_checked_as_well(self, backend):
        """The engine would keep the schedule and lose the run."""
        with pytest.raises(TaskNotRegistered):
            backend.using(eta=datetime.now(UTC) + SOON).submit("add", 1)

    def test_a_batch_is_checked_as_well(self, backend):
        """Before any of it is sent."""
        with pytest.raises(TaskNotRegistered):
            backend.submit_many("add", [Call((1,))])

    def test_a_name_that_was_found_is_not_looked_up_again(self, api, backend):
        """A yes is kept."""
        for _ in range(3):
            backend.clients.registered.require("added", limit_s=5)

        assert len(api.asked) == 1


class TestOutage:
    """The engine is away."""

    @pytest.fixture(autouse=True)
    def _short(self, monkeypatch):
        need("hatchet-sdk")
        monkeypatch.setenv("TASK_BACKEND_HEALTH_TIMEOUT", "0.5")

    def test_a_look_up_says_so_in_time(self, make_backend):
        """No repetition of the SDK lies in between."""
        began = time.monotonic()
        with pytest.raises(BackendUnavailable, match=r"hatchet at http://127\.0\.0\.1:1"):
            make_backend().get_result("6698e043-e066-416b-b094-d8ec5788cd3a")
        assert time.monotonic() - began < 2

    def test_a_submit_of_a_known_name_says_so_in_time(self, api, make_backend):
        """The REST half answers, gRPC does not."""
        api.answers[f"/api/v1/tenants/{TENANT}/workflows"] = (200, {"rows": [{"name": "add", "metadata": {"id": "w"}}]})
        backend = make_backend(api.url)
        backend.register_task(add)
        backend.clients.engine.close()  # importing the SDK is not part of the limit
        began = time.monotonic()

        with pytest.raises(BackendUnavailable, match=r"hatchet at 127.0.0.1:1: no answer within 0.5 s"):
            backend.submit("add", 1)
        assert time.monotonic() - began < 3

    def test_health_says_so_without_the_token(self, make_backend):
        """Not ready, with the reason."""
        backend = make_backend()
        health = backend.check_health()

        assert not health.ready
        assert "ey" not in health.checks["hatchet"].replace("they", "")


class TestPlace:
    """Where a worker may run."""

    def test_a_worker_in_another_thread_is_refused(self):
        """The SDK needs the main thread for its signals."""
        raised = []

        def run():
            try:
                check_place()
            except ConfigurationError as error:
                raised.append(str(error))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()

        assert raised == ["a Hatchet worker runs in the main thread only. Start it there"]

    async def _inside(self):
        check_place()

    def test_a_worker_inside_a_loop_is_refused(self):
        """It makes its own."""
        with pytest.raises(ConfigurationError, match="needs its own event loop"):
            asyncio.run(self._inside())


def test_the_exporter_and_readers_do_not_pay_for_the_sdk():
    """The backend alone imports no SDK: it costs 2 s and 90 MB."""
    code = "import sys, task_abstraction.backends.hatchet.backend; sys.exit('hatchet_sdk' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
