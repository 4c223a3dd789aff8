"""Slots of a process that serves several queues: its concurrency is one number, each SDK worker has its own slots."""

import asyncio
from typing import Any

from temporalio.worker import (
    CustomSlotSupplier,
    FixedSizeSlotSupplier,
    SlotMarkUsedContext,
    SlotPermit,
    SlotReleaseContext,
    SlotReserveContext,
    WorkerTuner,
)

NO_SLOTS_LEFT = 100
"""Slots for what this library does not use (local activities, nexus): the SDK's own default."""


class _Permit(SlotPermit):
    """One slot of one queue."""

    def __init__(self, queue: str) -> None:
        super().__init__()
        self.queue = queue


class SharedSlots:
    """The slots that all queues of a process share.

    A slot is reserved before the SDK polls, so a queue whose polls hold all slots would starve the others. Each queue
    may therefore always hold one slot while fewer than `concurrency` tasks run: at most `queues - 1` tasks more than
    `concurrency` can run, for as long as the surplus takes.
    """

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self.running = 0
        self._reserved: dict[str, int] = {}
        self._free = asyncio.Condition()

    def _may_reserve(self, queue: str) -> bool:
        if self.running >= self.concurrency:
            return False
        polling = sum(self._reserved.values())
        return not self._reserved.get(queue) or self.running + polling < self.concurrency

    def take(self, queue: str) -> SlotPermit | None:
        """A slot of this queue, if one is free now."""
        if not self._may_reserve(queue):
            return None
        self._reserved[queue] = self._reserved.get(queue, 0) + 1
        return _Permit(queue)

    async def reserve(self, queue: str) -> SlotPermit:
        """A slot of this queue, when one is free."""
        async with self._free:
            while (permit := self.take(queue)) is None:
                await self._free.wait()
        return permit
