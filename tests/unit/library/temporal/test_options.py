"""What Temporal is told about a task, from its policy and the options of a submit."""

from datetime import UTC, datetime, timedelta

import pytest

from task_abstraction.backends.temporal.options import (
    execution_id,
    heartbeat_s,
    invocation,
    options_of,
    schedule_to_start,
    start_delay,
    task_options,
)
from task_abstraction.base import Submission
from task_abstraction.models import RetryPolicy, SubmitOptions
from task_abstraction.policy import TaskPolicy

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def submission(*, policy=None, due_at=None, **options):
    """A submission as the core hands it over."""
    return Submission(
        task_id="id-1",
        name="charge",
        queue="q",
        envelope={"args": [1], "kwargs": {"b": 2}},
        headers={"h": "v"},
        options=SubmitOptions(**options),
        policy=policy or TaskPolicy(),
        due_at=due_at,
    )


@pytest.mark.parametrize(
    ("limit_s", "stated", "expected"),
    [(30, None, None), (60, None, None), (61, None, 30), (600, None, 30), (None, None, 30), (600, 5, 5)],
    ids=["short", "one minute", "longer", "much longer", "without limit", "stated"],
)
def test_long_tasks_beat(limit_s, stated, expected):
    """A limit above a minute gets a heartbeat of at most 30 s; the plan's own number wins."""
    assert heartbeat_s(TaskPolicy(time_limit_s=limit_s, heartbeat_s=stated)) == expected


def test_attempts_are_always_bounded():
    """The server's 0 would mean no end; the default is one attempt."""
    assert task_options(TaskPolicy()).max_attempts == 1


def test_a_task_without_limit_gets_the_limit_that_temporal_needs():
    """A day, because the heartbeat notices a dead worker much earlier."""
    options = task_options(TaskPolicy())

    assert (options.start_to_close_s, options.heartbeat_s) == (86400, 30)


def test_the_retry_policy_is_sent_whole():
    """Delays, growth and names of errors go to the server, which retries after timeouts by itself."""
    retry = RetryPolicy(
        max_attempts=4,
        initial_delay=timedelta(seconds=2),
        backoff=3,
        max_delay=timedelta(minutes=1),
        non_retryable=(KeyError,),
    )
    options = task_options(TaskPolicy(retry=retry, non_retryable_names=frozenset({"ValueError"}), time_limit_s=9))

    assert (options.max_attempts, options.initial_delay_s, options.backoff, options.max_delay_s) == (4, 2, 3, 60)
    assert options.non_retryable == ["KeyError", "ValueError"]
    assert options.start_to_close_s == 9


def test_no_delay_is_not_the_default_of_the_server():
    """Temporal reads 0 as "not set", which would be 1 s."""
    retry = RetryPolicy(max_attempts=2, initial_delay=timedelta(0), max_delay=timedelta(0))
    options = task_options(TaskPolicy(retry=retry))

    assert 0 < options.initial_delay_s <= options.max_delay_s < 0.01


def test_an_option_of_the_submit_beats_the_policy():
    """Priority and deadline of `using` win over those of the task."""
    policy = TaskPolicy(priority=5, expires_s=100)
    options = options_of(submission(policy=policy, priority=1, expires=timedelta(seconds=7)), NOW)

    assert (options.priority, options.expires_s) == (1, 7)
    assert options_of(submission(policy=policy), NOW).expires_s == 100


@pytest.mark.parametrize("priority", [0, 6, -1])
def test_an_unknown_priority_is_refused(priority):
    """The server takes any positive number and orders by something else."""
    with pytest.raises(ValueError, match=f"task 'charge': priority {priority} is not 1"):
        options_of(submission(priority=priority), NOW)


def test_the_deadline_counts_from_the_submit():
    """The server counts the time to begin from the end of the delay, so the delay is taken off."""
    delayed = submission(due_at=NOW + timedelta(seconds=10), expires=timedelta(seconds=30))
    options, delay = options_of(delayed, NOW), start_delay(delayed, NOW)

    assert delay == timedelta(seconds=10)
    assert schedule_to_start(options, delay) == timedelta(seconds=20)
    assert schedule_to_start(task_options(TaskPolicy()), delay) is None


def test_a_task_that_would_expire_during_its_delay_is_refused():
    """It could never run."""
    with pytest.raises(ValueError, match="it would expire before its delay is over"):
        options_of(submission(due_at=NOW + timedelta(seconds=30), expires=timedelta(seconds=30)), NOW)


def test_a_time_in_the_past_is_no_delay():
    """A task whose time has come is sent at once."""
    assert start_delay(submission(due_at=NOW - timedelta(seconds=1)), NOW) == timedelta(0)


def test_a_key_is_an_id_of_its_task():
    """One key of one task is one execution; without a key the id is the submission's."""
    assert execution_id(submission(idempotency_key="order-7")) == "charge:order-7"
    assert execution_id(submission()) == "id-1"


def test_the_invocation_is_one_object():
    """Arguments and headers travel together: keyword-only parameters are no activity arguments."""
    assert invocation(submission()) == {"args": [1], "kwargs": {"b": 2}, "headers": {"h": "v"}}
