"""What workflows promise."""

# ruff: noqa: S101, PLR2004 - tests assert

import time
import uuid
from typing import Any

import pytest

from task_abstraction.base import TaskBackend
from task_abstraction.errors import ConfigurationError, TaskFailed, TaskNotFound, TaskNotRegistered
from task_abstraction.models import Feature, TaskStatus, WorkflowResult
from task_abstraction.testing.contract.fixtures import Fixtures
from task_abstraction.testing.contract.tasks import Point
from task_abstraction.workflows import Parallel, Sequential, WorkflowDefinition

ADD = "contract_add"
SPAN_S = 1.0


class WorkflowContract(Fixtures):
    """Sequential, parallel, mixed; the binding of arguments; failures and states."""

    def run(self, backend: TaskBackend, *patterns: Sequential | Parallel, given: object = None) -> WorkflowResult[Any]:
        """Register patterns, submit them and wait for the end."""
        name = f"contract_{uuid.uuid4().hex}"
        backend.register_workflow(WorkflowDefinition.mixed(patterns, name))
        return backend.get_workflow_result(backend.submit_workflow(name, given), timeout=self.wait_s)

    def test_steps_follow_each_other(self, backend: TaskBackend) -> None:
        """Each step gets the value of the one before."""
        if self.gives(backend, Feature.CHAIN):
            done = self.run(backend, Sequential([(ADD, {"b": 1}), (ADD, {"b": 10}), ADD]), given=100)
            assert (done.status, done.final_result) == (TaskStatus.COMPLETED, 111)
            assert (done.steps_completed, done.total_steps, done.progress_percentage) == (3, 3, 100.0)

    def test_a_first_step_drops_an_input_of_none(self, backend: TaskBackend) -> None:
        """A first step with all its arguments as keywords gets no input."""
        if self.gives(backend, Feature.CHAIN):
            done = self.run(backend, Sequential([("contract_first", {"a": 10, "b": 5}), (ADD, {"b": 1})]))
            assert done.unwrap() == 16

    def test_a_step_without_room_drops_the_value(self, backend: TaskBackend) -> None:
        """A step whose keywords fill its signature does not get the value before it."""
        if self.gives(backend, Feature.CHAIN):
            done = self.run(backend, Sequential([ADD, ("contract_first", {"a": 1, "b": 2})]), given=50)
            assert done.unwrap() == 3

    def test_a_first_step_takes_input_and_keywords(self, backend: TaskBackend) -> None:
        """The input is the first positional argument."""
        if self.gives(backend, Feature.CHAIN):
            done = self.run(backend, Sequential([("contract_source", {"source": "mail"})]), given=[1])
            assert done.unwrap() == "mail:[1]"

    def test_a_value_of_none_is_passed_on(self, backend: TaskBackend) -> None:
        """Only the initial input is dropped when it is None."""
        if self.gives(backend, Feature.CHAIN):
            steps = Sequential([("contract_echo", {"value": None}), "contract_echo"])
            done = self.run(backend, steps)
            assert (done.status, done.final_result) == (TaskStatus.COMPLETED, None)

    def test_parallel_steps_give_a_list(self, backend: TaskBackend) -> None:
        """Each member gets the same value; the values come in the order of the steps."""
        if self.gives(backend, Feature.GROUP):
            done = self.run(backend, Parallel([(ADD, {"b": number}) for number in (3, 2, 1)]), given=10)
            assert done.unwrap() == [13, 12, 11]
            assert (done.steps_completed, done.total_steps) == (3, 3)

    def test_one_parallel_step_gives_a_list(self, backend: TaskBackend) -> None:
        """A pattern of one member is no special case."""
        if self.gives(backend, Feature.GROUP):
            assert self.run(backend, Parallel([ADD]), given=7).unwrap() == [7]

    def test_parallel_steps_overlap(self, backend: TaskBackend) -> None:
        """Members run at the same time, where the worker has room.

        A worker that has lost a child has one slot less for some seconds (celery 5.7: up to 5 s, measured), so a second
        look is allowed; members that only ever follow each other do not overlap in any of them.
        """
        if not self.gives(backend, Feature.CHORD) or self.slots < 2:
            return
        span = ("contract_span", {"seconds": SPAN_S})
        patterns = Parallel([span, span]), Sequential(["contract_spread"])
        deadline = time.monotonic() + self.wait_s
        while (overlap_s := self.run(backend, *patterns, given=0).unwrap()) <= 0:
            assert time.monotonic() < deadline, f"the second begins {-overlap_s:.2f} s after the end of the first"

    def test_patterns_mix(self, backend: TaskBackend) -> None:
        """A parallel pattern between steps, and another one at the end."""
        if not (self.gives(backend, Feature.CHORD) and self.gives(backend, Feature.CHAIN)):
            return
        fan = Parallel([(ADD, {"b": 1}), (ADD, {"b": 2})])
        done = self.run(backend, Sequential([(ADD, {"b": 10})]), fan, Sequential(["contract_sum"]), fan, given=0)
        assert done.unwrap() == [24, 25]
        assert (done.steps_completed, done.total_steps) == (6, 6)

    def test_parallel_patterns_follow_each_other(self, backend: TaskBackend) -> None:
        """Each member of the second pattern gets the list of the first."""
        if self.gives(backend, Feature.CHORD):
            first = Parallel([(ADD, {"b": 1}), (ADD, {"b": 2})])
            done = self.run(backend, first, Parallel(["contract_sum", "contract_echo"]), given=1)
            assert done.unwrap() == [5, [2, 3]]

    def test_values_are_rebuilt(self, backend: TaskBackend) -> None:
        """Input, values between steps and the final value are objects of the annotated class, also in a list."""
        if self.gives(backend, Feature.CHORD):
            move = ("contract_move", {"by": 1})
            assert self.run(backend, Sequential([move, move]), given=Point(1, 2)).unwrap() == Point(3, 4)
            done = self.run(backend, Sequential([move]), Parallel([move, move]), given=Point(1, 2))
            assert done.unwrap() == [Point(3, 4), Point(3, 4)]

    def test_a_failure_ends_the_workflow(self, backend: TaskBackend) -> None:
        """The error is that of the step; what follows does not run, and the workflow does not stay running."""
        if self.gives(backend, Feature.CHAIN):
            done = self.run(backend, Sequential([ADD, ("contract_fail", {"message": "jam"}), ADD]), given=1)
            assert (done.status, done.error) == (TaskStatus.FAILED, "ValueError: jam")
            assert (done.steps_completed, done.total_steps) == (1, 3)
            with pytest.raises(TaskFailed, match=r"Workflow contract_\w+ failed: ValueError: jam"):
                done.unwrap()

    def test_a_failed_member_fails_the_workflow(self, backend: TaskBackend) -> None:
        """One failed member of a parallel pattern is enough."""
        if self.gives(backend, Feature.CHORD):
            members = Parallel([ADD, ("contract_fail", {"message": "member"})])
            done = self.run(backend, members, Sequential(["contract_sum"]), given=1)
            assert (done.status, done.error) == (TaskStatus.FAILED, "ValueError: member")

    def test_a_step_is_retried(self, backend: TaskBackend) -> None:
        """A step keeps its own retry policy, and the workflow waits for it."""
        if self.gives(backend, Feature.CHAIN) and self.gives(backend, Feature.RETRY):
            assert self.run(backend, Sequential(["contract_flaky", (ADD, {"b": 1})]), given=2).unwrap() == 3

    def test_a_workflow_is_known_at_once(self, backend: TaskBackend) -> None:
        """Right after submit its id is known, and its steps are counted."""
        if self.gives(backend, Feature.CHAIN):
            backend.register_workflow(WorkflowDefinition.sequential([ADD, ADD], "contract_known"))
            workflow_id = backend.submit_workflow("contract_known", 1)
            found = backend.get_workflow_result(workflow_id)
            assert (found.workflow_id, found.workflow_name, found.total_steps) == (workflow_id, "contract_known", 2)
            assert self.done(backend, workflow_id).unwrap() == 1

    def test_an_unknown_workflow_id_is_an_error(self, backend: TaskBackend) -> None:
        """No made-up result for an id that was never submitted."""
        with pytest.raises(TaskNotFound):
            backend.get_workflow_result(str(uuid.uuid4()))

    def test_an_unknown_workflow_is_an_error(self, backend: TaskBackend) -> None:
        """Submit needs a registered name."""
        with pytest.raises(TaskNotRegistered, match="Workflow 'contract_nobody' not registered"):
            backend.submit_workflow("contract_nobody", 1)

    def test_a_step_of_an_unknown_task_is_an_error(self, backend: TaskBackend) -> None:
        """A definition that could not run is refused at registration."""
        if self.gives(backend, Feature.CHAIN):
            with pytest.raises(TaskNotRegistered, match="Task 'nobody' not registered in workflow 'contract_w'"):
                backend.register_workflow(WorkflowDefinition.sequential(["nobody"], "contract_w"))

    def test_keywords_that_do_not_fit_are_an_error(self, backend: TaskBackend) -> None:
        """A step that takes its keywords neither way is refused at registration."""
        if self.gives(backend, Feature.CHAIN):
            with pytest.raises(ConfigurationError, match="contract_add"):
                backend.register_workflow(WorkflowDefinition.sequential([(ADD, {"colour": 1})], "contract_w"))
