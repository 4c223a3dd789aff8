"""Workflows as data."""

import pytest

from task_abstraction import ConfigurationError, Parallel, Sequential, WorkflowDefinition, WorkflowStep
from task_abstraction.steps import Interpreter, bind_step


def test_steps_are_flat_and_in_order():
    """Every way to write a step becomes a `WorkflowStep`."""
    made = WorkflowDefinition.mixed([Sequential(["a"]), Parallel([("b", {"k": 1}), WorkflowStep("c")])])

    assert [step.task_name for step in made.steps] == ["a", "b", "c"]


@pytest.mark.parametrize("step", [3, "", ("a",), ("a", "b"), None])
def test_what_is_no_step_is_refused(step):
    """The message shows what was given."""
    with pytest.raises(ConfigurationError, match="Invalid step format"):
        Sequential([step])


def test_what_is_no_pattern_is_refused():
    """A bare list is no pattern."""
    with pytest.raises(ConfigurationError, match="Unknown pattern type: list"):
        WorkflowDefinition("w", [["a"]])


def test_a_pattern_without_steps_is_refused():
    """There would be no value."""
    with pytest.raises(ConfigurationError, match="pattern without steps"):
        WorkflowDefinition.parallel([])


@pytest.mark.parametrize(
    ("function", "previous", "kwargs", "first", "expected"),
    [
        (lambda a: a, 1, {}, False, (1,)),
        (lambda a: a, None, {}, False, (None,)),
        (lambda a, b: (a, b), None, {"a": 1, "b": 2}, True, ()),
        (lambda a, b: (a, b), 9, {"a": 1, "b": 2}, False, ()),
        (lambda a, b: (a, b), 9, {"b": 2}, True, (9,)),
    ],
)
def test_binding(function, previous, kwargs, first, expected):
    """The value is passed where it fits; an initial None is dropped."""
    assert bind_step(function, previous, kwargs, first=first) == (expected, kwargs)


def test_a_step_that_fits_neither_way_is_refused():
    """The error shows the signature."""
    with pytest.raises(TypeError, match="signature"):
        bind_step(lambda a: a, None, {}, first=True)


def test_the_values_of_a_step_are_in_no_error():
    """The error goes into logs, which nobody encrypts."""
    with pytest.raises(TypeError, match="other than account:") as error:
        bind_step(lambda a: a, 1, {"account": "DE02 1203"})
    assert "DE02" not in str(error.value)


def test_the_interpreter_waits_for_all_members():
    """What follows a parallel pattern begins after its last member, with the values in order."""
    run = Interpreter(WorkflowDefinition.mixed([Parallel(["a", "b"]), Sequential(["c"])]), 1)

    assert [call.previous for call in run.start()] == [1, 1]
    assert run.completed(1, "second") == []
    assert [call.previous for call in run.completed(0, "first")] == [["first", "second"]]
    assert run.completed(2, "end") == []
    assert (run.is_complete, run.value) == (True, "end")
