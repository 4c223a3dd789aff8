"""Policies, results and errors as values."""

import pickle
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_abstraction import errors
from task_abstraction.models import RetryPolicy, TaskResult, TaskStatus, WorkflowResult
from task_abstraction.policy import TaskPolicy


@pytest.mark.parametrize(("attempt", "expected"), [(1, 2.0), (2, 6.0), (3, 18.0), (4, 20.0), (10_000, 20.0)], ids=str)
def test_delays_grow_up_to_the_largest(attempt, expected):
    """Delay = min(max_delay, initial_delay x backoff ** (attempt - 1))."""
    policy = RetryPolicy(
        max_attempts=9,
        initial_delay=timedelta(seconds=2),
        backoff=3.0,
        max_delay=timedelta(seconds=20),
        jitter=False,
    )

    assert policy.delay_after(attempt) == expected


@given(attempt=st.integers(1, 500), initial=st.floats(0, 1e4), backoff=st.floats(1, 10))
def test_jitter_never_exceeds_the_declared_delay(attempt, initial, backoff):
    """Redelivery times of the plan are computed from the declared delay: jitter only shortens it, to a half at most."""
    declared = RetryPolicy(initial_delay=timedelta(seconds=initial), backoff=backoff, jitter=False)
    jittered = RetryPolicy(initial_delay=timedelta(seconds=initial), backoff=backoff)

    assert declared.delay_after(attempt) / 2 <= jittered.delay_after(attempt) <= declared.delay_after(attempt)


@pytest.mark.parametrize(
    "wrong", [{"max_attempts": 0}, {"backoff": 0.5}, {"initial_delay": timedelta(seconds=-1)}], ids=str
)
def test_a_policy_without_meaning_is_refused(wrong):
    """Zero attempts, shrinking or negative delays are mistakes."""
    with pytest.raises(ValueError, match="must"):
        RetryPolicy(**wrong)


def test_non_retryable_errors_are_found_by_type_and_by_name():
    """A name in the plan matches any class of the error's hierarchy."""
    by_type = TaskPolicy(retry=RetryPolicy(max_attempts=3, non_retryable=(LookupError,)))
    by_name = TaskPolicy(retry=RetryPolicy(max_attempts=3), non_retryable_names=frozenset({"LookupError"}))
    for policy in (by_type, by_name):
        assert not policy.wants_retry(KeyError("k"), 1)
        assert policy.wants_retry(ValueError("v"), 1)
        assert not policy.wants_retry(ValueError("v"), 3)


def test_a_result_knows_its_state_and_duration():
    """Status compares with plain text; duration needs both ends."""
    began = datetime(2026, 1, 1, tzinfo=UTC)
    result = TaskResult(
        task_id="i",
        task_name="t",
        status=TaskStatus.COMPLETED,
        result=1,
        started_at=began,
        completed_at=began + timedelta(seconds=2),
    )
    assert result.status == "completed"
    assert result.is_finished
    assert result.duration == 2
    assert result.unwrap() == 1


def test_unwrapping_a_failure_raises_it():
    """The message carries task and error."""
    failed = TaskResult(task_id="i", task_name="t", status=TaskStatus.FAILED, error="ValueError: no")
    with pytest.raises(errors.TaskFailed, match=r"^Task t failed: ValueError: no$") as caught:
        failed.unwrap()
    assert caught.value.result is failed


def test_a_workflow_result_reports_progress():
    """Names of the workflow are other words for the same fields."""
    result = WorkflowResult(task_id="w", task_name="n", status=TaskStatus.RUNNING, steps_completed=1, total_steps=4)

    assert (result.workflow_id, result.workflow_name, result.progress_percentage) == ("w", "n", 25.0)


MESSAGES = [
    (
        errors.BackendNotConfigured(),
        "TASK_BACKEND_TYPE environment variable must be set. Example: TASK_BACKEND_TYPE=celery",
    ),
    (
        errors.BackendNotSupported("x", ["celery", "hatchet", "temporal"]),
        "Backend type 'x' not supported. Available backends: celery, hatchet, temporal",
    ),
    (
        errors.BackendNotInstalled("celery", "No module named 'celery'"),
        (
            "Failed to create celery backend: No module named 'celery'. Install required dependencies for celery "
            "backend.\nBackend 'celery' not available. Install with: pip install 'celery[redis]>=5.7,<5.8'"
        ),
    ),
    (errors.TaskNotRegistered.workflow("w"), "Workflow 'w' not registered"),
    (errors.TaskNotRegistered.step("t", "w"), "Task 't' not registered in workflow 'w'"),
    (errors.DependencyNotInstalled("PyYAML", "pyyaml"), "PyYAML is not installed. Install with: pip install pyyaml"),
]


@pytest.mark.parametrize(("error", "text"), MESSAGES, ids=lambda value: type(value).__name__)
def test_messages_are_kept_word_for_word(error, text):
    """Earlier users match on these texts."""
    assert str(error) == text


@pytest.mark.parametrize("error", [error for error, _ in MESSAGES], ids=lambda value: type(value).__name__)
def test_errors_cross_a_process_boundary_whole(error):
    """A pool pickles what a task raised: class, text and fields survive."""
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


@pytest.mark.parametrize(
    ("cls", "base"),
    [
        (errors.ConfigurationError, ValueError),
        (errors.BackendNotInstalled, ImportError),
        (errors.TaskNotRegistered, LookupError),
        (errors.TaskNotFound, LookupError),
        (errors.UnsupportedFeature, NotImplementedError),
        (errors.ResultTimeout, TimeoutError),
        (errors.BackendUnavailable, ConnectionError),
    ],
)
def test_each_error_keeps_its_built_in_base(cls, base):
    """`except ValueError` of existing callers keeps working."""
    assert issubclass(cls, (errors.TaskBackendError, base))
    assert issubclass(cls, base)
