"""Slots of a process that serves several queues: its concurrency is one number, but each SDK worker counts its own."""

import asyncio
import threading

from temporalio.worker import (
    CustomSlotSupplier,
    FixedSizeSlotSupplier,
    SlotMarkUsedContext,
    SlotPermit,
    SlotReleaseContext,
    SlotReserveContext,
    WorkerTuner,
)

UNUSED_SLOTS = 100
"""Slots for what this library does not use (local activities, nexus): the SDK's own default."""


class _Permit(SlotPermit):
    """One slot of one queue: first it lets a poll begin, then it is used by the task that the poll brought."""

    def __init__(self, queue: str) -> None:
        super().__init__()
        self.queue = queue
        self.used = False


class SharedSlots(CustomSlotSupplier):
    """The slots that all queues of a process share.

    A slot is reserved before the SDK polls, so a queue whose polls held all slots would starve the others. Each queue
    may therefore hold one slot for its poll while fewer than `concurrency` tasks run: at most `queues - 1` tasks more
    than `concurrency` can run at once, when the last free slots are found by several queues in the same moment.
    """

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self.running = 0
        self._polling: dict[str, int] = {}
        # The SDK reports use and release from threads of its own.
        self._lock = threading.Lock()
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def take(self, queue: str) -> SlotPermit | None:
        """A slot of this queue, if it may have one now."""
        with self._lock:
            polling = sum(self._polling.values())
            mine = self._polling.get(queue, 0)
            if self.running >= self.concurrency or (mine and self.running + polling >= self.concurrency):
                return None
            self._polling[queue] = mine + 1
            return _Permit(queue)

    async def reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit:
        """Wait until the queue may poll."""
        while (permit := self.take(ctx.task_queue)) is None:
            self._changed.clear()
            await self._changed.wait()
        return permit

    def try_reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit | None:
        """A slot for an activity that a workflow hands over without a poll."""
        return self.take(ctx.task_queue)

    def mark_slot_used(self, ctx: SlotMarkUsedContext) -> None:
        """Count a task that begins."""
        self._move(ctx.permit, begins=True)

    def release_slot(self, ctx: SlotReleaseContext) -> None:
        """Give a slot back, after its task or without one."""
        self._move(ctx.permit, begins=False)

    def _move(self, permit: SlotPermit, *, begins: bool) -> None:
        assert isinstance(permit, _Permit)  # noqa: S101 - the SDK hands back what it was given
        with self._lock:
            if permit.used:
                self.running -= 1
            else:
                self._polling[permit.queue] -= 1
            permit.used = begins
            self.running += begins
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)


def shared_tuner(slots: SharedSlots, *, workflow_slots: int) -> WorkerTuner:
    """The tuner of each SDK worker of the process."""
    return WorkerTuner.create_composite(
        workflow_supplier=FixedSizeSlotSupplier(workflow_slots),
        activity_supplier=slots,
        local_activity_supplier=FixedSizeSlotSupplier(UNUSED_SLOTS),
        nexus_supplier=FixedSizeSlotSupplier(UNUSED_SLOTS),
    )
