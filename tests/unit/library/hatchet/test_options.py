"""The engine's options of a task."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_abstraction import RetryPolicy
from task_abstraction.backends.hatchet.options import NO_LIMIT, backoff_of, options_of, priority_of, task_options
from task_abstraction.policy import TaskPolicy
from task_abstraction.tasks import TaskDefinition

SETTINGS = SimpleNamespace(
    TASK={"low": {"execution_timeout": timedelta(minutes=10), "retries": 2, "schedule_timeout": timedelta(hours=1)}},
    TASKS=[("charge_*", {"retries": 0})],
)


def body():
    """Do nothing."""


def definition(name="add", **options):
    """A definition of a task."""
    return TaskDefinition(name=name, fn=body, **options)


policies = st.builds(
    RetryPolicy,
    max_attempts=st.integers(2, 10),
    initial_delay=st.integers(1, 1000).map(lambda s: timedelta(seconds=s)),
    backoff=st.floats(1, 10),
    max_delay=st.integers(1, 86_400).map(lambda s: timedelta(seconds=s)),
    jitter=st.just(False),
)


@given(policies)
def test_no_delay_of_the_engine_is_shorter_than_declared(policy):
    """The engine waits min(backoff_max_seconds, backoff_factor ** n) seconds before repetition n."""
    found = backoff_of(policy)

    for attempt in range(1, policy.max_attempts):
        delay = min(found["backoff_max_seconds"], found["backoff_factor"] ** attempt)
        assert delay >= policy.delay_after(attempt) * 0.999


def test_a_constant_delay_stays_constant():
    """With backoff 1 the ceiling is the first delay."""
    found = backoff_of(RetryPolicy(max_attempts=3, initial_delay=timedelta(seconds=10), backoff=1))

    assert found == {"backoff_factor": 10.0, "backoff_max_seconds": 10}


@pytest.mark.parametrize(
    "policy", [RetryPolicy(), RetryPolicy(max_attempts=3, initial_delay=timedelta(0))], ids=["one attempt", "no delay"]
)
def test_without_a_delay_the_engine_repeats_at_once(policy):
    """No backoff is sent."""
    assert backoff_of(policy) == {}


def test_every_limit_is_stated():
    """The SDK's own defaults, 60 s and 5 min, lose work."""
    assert options_of(TaskPolicy()) == {"execution_timeout": NO_LIMIT, "schedule_timeout": NO_LIMIT, "retries": 0}


class TestPrecedence:
    """Whose word counts."""

    def test_the_rendered_tier_beats_the_library(self):
        """Without a word about the task the tier decides."""
        found = task_options(definition(), TaskPolicy(), tier="low", settings=SETTINGS)

        assert (found["execution_timeout"], found["retries"]) == (timedelta(minutes=10), 2)

    def test_the_declaration_beats_the_tier(self):
        """It is about this one task."""
        declared = definition(timeout=timedelta(seconds=5), retry=RetryPolicy(max_attempts=1))
        found = task_options(declared, TaskPolicy(), tier="low", settings=SETTINGS)

        assert (found["execution_timeout"], found["retries"]) == (timedelta(seconds=5), 0)

    def test_the_rendered_line_of_the_task_beats_the_declaration(self):
        """The profile has the last word."""
        declared = definition("charge_card", retry=RetryPolicy(max_attempts=5))

        assert task_options(declared, TaskPolicy(), tier="low", settings=SETTINGS)["retries"] == 0

    def test_without_settings_the_policy_decides(self):
        """The library works from the environment alone."""
        assert task_options(definition(), TaskPolicy(time_limit_s=7), tier=None, settings=None) == {
            "execution_timeout": timedelta(seconds=7),
            "schedule_timeout": NO_LIMIT,
            "retries": 0,
        }


@pytest.mark.parametrize(("rendered", "level"), [(None, None), (0, 1), (2, 2), (9, 3)])
def test_a_rendered_priority_becomes_the_nearest_level(rendered, level):
    """Other backends have more levels than three."""
    assert priority_of(None, TaskPolicy(priority=rendered)) == level


def test_a_priority_that_does_not_exist_is_refused():
    """The caller asked for it, so it is not bent."""
    with pytest.raises(ValueError, match=r"^priority 4: Hatchet has 1 \(low\), 2 \(medium\) and 3 \(high\)$"):
        priority_of(4, TaskPolicy())
