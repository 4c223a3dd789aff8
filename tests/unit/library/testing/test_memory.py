"""The memory backend: its clock, queues and imitation of another backend's refusals."""

from datetime import timedelta

import pytest

from task_abstraction import TaskStatus, UnsupportedFeature
from task_abstraction.testing import MemoryBackend


@pytest.fixture
def memory():
    """A backend with one worker."""
    made = MemoryBackend(workers=1)
    yield made
    made.close()


def test_time_stands_still_until_it_is_moved(memory):
    """A delayed task is pending until the clock has passed its delay."""
    memory.register_task(lambda: "ran", "late")
    task_id = memory.using(delay=timedelta(hours=1)).submit("late")

    assert memory.get_result(task_id).status is TaskStatus.PENDING
    memory.clock.advance(timedelta(hours=1))
    assert memory.get_result(task_id, timeout=5).unwrap() == "ran"


def test_a_clock_does_not_go_back(memory):
    """A negative step is a mistake of the test."""
    with pytest.raises(ValueError, match="cannot go back"):
        memory.clock.advance(-1)


def test_a_higher_priority_is_first(memory):
    """Among what is due the higher number begins first."""
    order = []
    memory.register_task(order.append, "note")
    later = timedelta(seconds=5)
    ids = [memory.using(delay=later, priority=rank).submit("note", rank) for rank in (1, 9, 5)]
    memory.clock.advance(later)
    for one in ids:
        memory.get_result(one, timeout=5)

    assert order == [9, 5, 1]


def test_a_queue_that_nobody_serves_waits():
    """With `queues=` only those are served."""
    backend = MemoryBackend(queues=["served"])
    backend.register_task(lambda: 1, "one")
    ids = {queue: backend.using(queue=queue).submit("one") for queue in ("served", "forgotten")}

    assert backend.get_result(ids["served"], timeout=5).is_completed
    assert backend.get_result(ids["forgotten"]).is_pending
    assert backend.queue_stats(["forgotten"])["forgotten"].waiting == 1
    backend.close()


def test_it_refuses_like_another_backend():
    """`like=` brings the refusals of production into the unit test."""
    backend = MemoryBackend(like="celery", facts={"broker": "redis"})

    with pytest.raises(UnsupportedFeature, match="reuse of a task id does not deduplicate"):
        backend.using(idempotency_key="k")
