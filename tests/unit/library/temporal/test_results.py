"""The reason of a failure, below the wrappers of the SDK."""

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    RetryState,
    TerminatedError,
    TimeoutType,
)
from temporalio.exceptions import TimeoutError as ActivityTimeout

from task_abstraction.backends.temporal.results import root_error


def wrapped(cause):
    """An error as a workflow wraps it."""
    outer = ActivityError(
        "Activity task failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="",
        activity_type="t",
        activity_id="1",
        retry_state=RetryState.MAXIMUM_ATTEMPTS_REACHED,
    )
    outer.__cause__ = cause
    failure = WorkflowFailureError(cause=outer)
    failure.__cause__ = outer
    return failure


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ApplicationError("bad input", type="ValueError"), "ValueError: bad input"),
        (ApplicationError("bad input"), "Error: bad input"),
        (ActivityTimeout("x", type=TimeoutType.HEARTBEAT, last_heartbeat_details=[]), "WorkerLost: "),
        (ActivityTimeout("x", type=TimeoutType.START_TO_CLOSE, last_heartbeat_details=[]), "TimeLimitExceeded: "),
        (ActivityTimeout("x", type=TimeoutType.SCHEDULE_TO_START, last_heartbeat_details=[]), "Expired: "),
        (TerminatedError("by hand"), "by hand"),
        (KeyError("k"), "KeyError: 'k'"),
    ],
    ids=["class and text", "without class", "worker lost", "time limit", "expired", "terminated", "foreign"],
)
@pytest.mark.parametrize("place", [lambda error: error, wrapped], ids=["bare", "in a workflow"])
def test_the_reason_is_that_of_the_task(place, error, expected):
    """Class and message of the body's own error, in both modes."""
    assert str(root_error(place(error))).startswith(expected)


def test_the_cause_of_the_bodys_own_error_is_not_the_reason():
    """`raise A from B` is A, as on every backend."""
    error = ApplicationError("outer", type="A")
    error.__cause__ = ApplicationError("inner", type="B")

    assert root_error(error) == "A: outer"


def test_no_error_has_no_reason():
    """A task that did not fail has no text."""
    assert root_error(None) is None
