"""The slots that several queues of a process share."""

import asyncio
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from task_abstraction.backends.temporal.slots import SharedSlots


def of(permit=None, queue="a"):
    """A context as the SDK gives it."""
    return SimpleNamespace(permit=permit, task_queue=queue)


def test_each_queue_may_poll_while_a_slot_is_free():
    """Polls of one queue cannot starve another."""

    async def go():
        slots = SharedSlots(2)
        first = [slots.take("a"), slots.take("a")]
        assert all(first)
        assert slots.take("a") is None
        assert slots.take("b") is not None, "one poll for each queue"
        assert slots.take("b") is None

    asyncio.run(go())


def test_nothing_polls_while_all_slots_run():
    """A task that was taken would wait inside the worker, with its time limit running."""

    async def go():
        slots = SharedSlots(1)
        permit = slots.take("a")
        slots.mark_slot_used(of(permit))
        assert slots.take("a") is None
        assert slots.take("b") is None
        slots.release_slot(of(permit))
        assert slots.running == 0
        assert slots.take("b") is not None

    asyncio.run(go())


def test_a_release_wakes_who_waits():
    """The wait for a slot ends with the task that held it, reported from another thread."""

    async def go():
        slots = SharedSlots(1)
        permit = slots.take("a")
        slots.mark_slot_used(of(permit))
        waiting = [asyncio.create_task(slots.reserve_slot(of(queue=queue))) for queue in ("a", "b")]
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        await asyncio.to_thread(slots.release_slot, of(permit))
        async with asyncio.timeout(5):
            await asyncio.gather(*waiting)

    asyncio.run(go())


@given(
    st.integers(1, 4), st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["take", "use", "end"])), max_size=60)
)
def test_at_most_one_task_for_each_further_queue_is_too_many(concurrency, steps):
    """Whatever the order of polls, tasks and ends: running <= concurrency + queues - 1, and no slot is lost."""

    async def go():
        slots = SharedSlots(concurrency)
        polling, running = [], []
        for queue, step in steps:
            mine = [permit for permit in polling if permit.queue == queue]
            if step == "take" and (permit := slots.take(queue)) is not None:
                polling.append(permit)
            elif step == "use" and mine:
                polling.remove(mine[0])
                running.append(mine[0])
                slots.mark_slot_used(of(mine[0]))
            elif step == "end" and running:
                slots.release_slot(of(running.pop(0)))
            assert slots.running == len(running) <= concurrency + 2
        for permit in (*running, *polling):
            slots.release_slot(of(permit))
        assert slots.running == 0
        assert slots.take("a") is not None

    asyncio.run(go())
