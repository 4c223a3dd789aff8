"""Ids of tasks."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_abstraction import TaskNotFound
from task_abstraction.backends.hatchet import ids


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(3000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants them naive
def test_the_id_of_a_delayed_task_says_when_it_is_due(due):
    """Whoever has the id knows where to look for the run, to the millisecond."""
    found = ids.due_at(ids.parse_id(ids.delayed_id(due)))

    assert found is not None
    assert abs(found - due) <= timedelta(milliseconds=1)


def test_the_id_of_a_delayed_task_is_a_uuid_of_version_7():
    """The engine's own ids have version 4, so the two are told apart."""
    made = UUID(ids.delayed_id(datetime.now(UTC)))

    assert (made.version, made.variant) == (7, "specified in RFC 4122")


def test_two_tasks_that_are_due_at_once_have_two_ids():
    """The rest of the id is random."""
    due = datetime.now(UTC)

    assert ids.delayed_id(due) != ids.delayed_id(due)


def test_an_id_of_the_engine_is_not_delayed():
    """A task that began at once is looked up as a run."""
    assert ids.due_at(uuid4()) is None


@pytest.mark.parametrize("text", ["", "nope", "1", "../../x", str(UUID(int=5))])
def test_text_that_was_never_an_id_is_not_found(text):
    """No request is made for it."""
    with pytest.raises(TaskNotFound):
        ids.parse_id(text)
