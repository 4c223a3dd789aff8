"""What the engine says, in our words."""

import pytest

from task_abstraction import TaskStatus
from task_abstraction.backends.hatchet import results

RUN = {
    "actionId": "ns_add:add",
    "status": "COMPLETED",
    "output": {"result": 5},
    "errorMessage": "",
    "startedAt": "2026-11-22T06:28:10.656486Z",
    "finishedAt": "2026-11-22T06:28:10.756486Z",
    "retryCount": 0,
    "workflowConfig": {"Tasks": [{"Retries": 2}]},
}
NEVER = "0001-01-01T00:00:00Z"


def result(**changes):
    """The result of a run with some fields changed."""
    return results.to_result("id", {**RUN, **changes}, lambda _, value: value)


def test_a_completed_run_has_its_value_out_of_the_envelope():
    """Name, value, attempts and times are the task's."""
    found = result()

    assert (found.task_name, found.status, found.result, found.attempts) == ("add", TaskStatus.COMPLETED, 5, 1)
    assert found.duration == pytest.approx(0.1)


def test_the_output_of_another_producer_comes_as_it_is():
    """Only our own envelope is opened."""
    assert result(output={"a": 1}).result == {"a": 1}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("QUEUED", TaskStatus.PENDING),
        ("EVICTED", TaskStatus.PENDING),
        ("RUNNING", TaskStatus.RUNNING),
        ("CANCELLED", TaskStatus.CANCELLED),
        ("FAILED", TaskStatus.FAILED),
        ("PAUSED", TaskStatus.RUNNING),
    ],
)
def test_every_state_has_a_word(theirs, ours):
    """A state that a later engine invents counts as running."""
    assert result(status=theirs).status is ours


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            'ValueError: bad\nTraceback (most recent call last):\n ...\n\n{"__hatchet_error_metadata__": {}}',
            "ValueError: bad",
        ),
        ("ValueError: bad\\\nsecond: line\nTraceback", "ValueError: bad\nsecond: line"),
        ("NonRetryableException: ValueError: bad\nTraceback", "ValueError: bad"),
        ("Task exceeded timeout of 2s", "Task exceeded timeout of 2s"),
    ],
    ids=["traceback is left out", "line breaks are kept", "our wrapper is left out", "words of the engine"],
)
def test_an_error_is_class_and_message(text, error):
    """The text of the body's own error arrives."""
    assert result(status="FAILED", errorMessage=text).error == error


def test_a_run_that_nobody_took_says_so():
    """The engine leaves its message empty."""
    found = result(status="FAILED", startedAt=NEVER, finishedAt="2026-11-22T06:28:21.5Z", output={})

    assert found.error == results.SCHEDULE_TIMEOUT
    assert (found.attempts, found.started_at) == (0, None)


@pytest.mark.parametrize(
    ("changes", "attempts"),
    [
        ({"status": "QUEUED", "startedAt": NEVER}, 0),
        ({"status": "QUEUED", "retryCount": 1}, 1),
        ({"status": "RUNNING", "startedAt": "2026-11-22T06:28:10Z"}, 1),
        ({"status": "RUNNING", "retryCount": 1}, 2),
        ({"status": "COMPLETED", "startedAt": None}, 1),
    ],
    ids=["waiting", "waiting for the second", "first runs", "second runs", "ended before its start was filed"],
)
def test_attempts_are_those_that_have_begun(changes, attempts):
    """The engine counts repetitions and says attempt 1 before the first."""
    assert result(**changes).attempts == attempts


class TestSettled:
    """A failure is believed only when no further attempt can follow."""

    def test_the_last_failure_is_believed(self):
        """All repetitions are used."""
        assert results.is_settled({**RUN, "status": "FAILED", "errorMessage": "X: y", "retryCount": 2})

    def test_an_earlier_failure_is_not(self):
        """The engine files FAILED for some milliseconds between two attempts."""
        assert not results.is_settled({**RUN, "status": "FAILED", "errorMessage": "X: y", "retryCount": 1})

    def test_a_failure_that_must_not_be_repeated_is(self):
        """Our wrapper ended it."""
        assert results.is_settled({**RUN, "status": "FAILED", "errorMessage": "NonRetryableException: X: y"})

    def test_a_failure_without_reason_is_asked_about(self):
        """A time limit is filed without its text."""
        assert not results.is_settled({**RUN, "status": "FAILED", "retryCount": 2})

    def test_what_is_still_worked_on_is_pending(self):
        """The attempt that failed counts, the next is to come."""
        filed = {**RUN, "status": "FAILED", "errorMessage": "X: y"}
        found = results.to_result("id", results.settled(filed, {"status": "QUEUED"}), lambda _, value: value)

        assert (found.status, found.attempts, found.error) == (TaskStatus.PENDING, 1, None)

    def test_the_reason_comes_from_what_is_worked_on(self):
        """The engine's own words for a time limit."""
        filed = {**RUN, "status": "FAILED", "retryCount": 2}
        told = {"status": "FAILED", "errorMessage": "Task exceeded timeout of 2s"}

        assert results.to_result("id", results.settled(filed, told), lambda _, v: v).error == told["errorMessage"]
