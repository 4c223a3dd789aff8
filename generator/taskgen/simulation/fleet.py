"""The workers that are ready, and who runs which task when: the inner loop of the simulation.

Nothing is an event here but the start of a task. Tasks leave the queue in order, so each one starts at the later of its
arrival and the earliest free slot; the fleet keeps one heap of those times, in which a key is the time and, in its low
bits, what becomes free. All times are whole microseconds.
"""

from dataclasses import dataclass
from heapq import heapify, heappush, heapreplace
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from array import array

BITS: Final = 24
"""Low bits of a key: up to 16 million slots in one run."""
MASK: Final = (1 << BITS) - 1


@dataclass(frozen=True, slots=True)
class Held:
    """A task that a worker took and has not finished."""

    start: int
    finish: int
    arrival: int
    recorded: int | None
    """index of its wait among the recorded ones, for a task that has not started"""


_Task = tuple[int, int, int, int | None]
"""A `Held` before somebody asks for it: the inner loop makes one for each task."""


class Fleet(Protocol):
    """Workers that take tasks from one queue."""

    last_finish: int
    """when the last task of a `feed` ends that started all tasks up to its `stop`"""

    def add(self, pod: int, now: int) -> None:
        """Let a worker take tasks from now on."""

    def remove(self, pod: int, now: int) -> list[Held]:
        """Let a worker take no more tasks; return what it holds."""

    def feed(self, arrivals: list[int], durations: list[int], first: int, stop: int, until: int) -> int:
        """Start tasks in order, from index `first`, as long as they leave the queue before `until`.

        Returns:
            the index of the first task that still waits; at most `stop`.
        """

    def running(self, now: int) -> int:
        """Return how many tasks run."""

    def unacknowledged(self, now: int) -> int:
        """Return how many messages the broker waits for."""

    def reserved(self, now: int) -> int:
        """Return how many tasks workers hold without running them."""


class PullingFleet:
    """Workers that take a task when a slot is free: no task waits outside the queue."""

    def __init__(self, *, slots: int, late: bool, waits: "array[int]") -> None:
        self.last_finish = 0
        self._slots = slots
        self._late = late
        self._waits = waits
        self._free: list[int] = []
        self._began: list[int] = []

    def add(self, pod: int, now: int) -> None:
        """Let a worker take tasks from now on."""
        end = (pod + 1) * self._slots
        self._began += [now] * (end - len(self._began))
        for slot in range(pod * self._slots, end):
            heappush(self._free, now << BITS | slot)

    def remove(self, pod: int, now: int) -> list[Held]:
        """Let a worker take no more tasks; return what it runs."""
        own = range(pod * self._slots, (pod + 1) * self._slots)
        running = [(key >> BITS, key & MASK) for key in self._free if key & MASK in own and key >> BITS > now]
        self._free = [key for key in self._free if key & MASK not in own]
        heapify(self._free)
        return [Held(self._began[slot], finish, self._began[slot], None) for finish, slot in sorted(running)]

    def feed(self, arrivals: list[int], durations: list[int], first: int, stop: int, until: int) -> int:
        """Start tasks in order as long as they leave the queue before `until`."""
        free, began, waited = self._free, self._began, self._waits.append
        if not free:
            return first
        at = first
        for start, duration in zip(arrivals[first:stop], durations[first:stop], strict=True):
            key = free[0]
            ready = key >> BITS
            if ready > start:
                if ready >= until:
                    break
                waited(ready - start)
                start = ready  # noqa: PLW2901  # the hot loop: 0.3 us for each task
            elif start >= until:
                break
            slot = key & MASK
            began[slot] = start
            heapreplace(free, start + duration << BITS | slot)
            at += 1
        if first < at == stop:
            self.last_finish = start + duration
        return at

    def running(self, now: int) -> int:
        """Return how many tasks run."""
        return sum(map((now << BITS | MASK).__lt__, self._free))

    def unacknowledged(self, now: int) -> int:
        """Return how many messages the broker waits for: none with early acknowledgement."""
        return self.running(now) if self._late else 0

    def reserved(self, now: int) -> int:
        """Return 0: a task is taken only to run."""
        del now
        return 0


class HoardingFleet:
    """Workers that take messages ahead of free slots, up to their prefetch count.

    A message goes to the worker that has waited for one longest; then it waits in that worker, where neither the
    autoscaler nor another worker sees it. A second heap holds when each worker may take one message more.
    """

    def __init__(self, *, slots: int, prefetch: int, late: bool, waits: "array[int]") -> None:
        self.last_finish = 0
        self._slots = slots
        self._prefetch = prefetch
        self._late = late
        self._waits = waits
        self._credits: list[int] = []
        self._workers: dict[int, tuple[list[int], list[_Task]]] = {}

    def add(self, pod: int, now: int) -> None:
        """Let a worker take messages from now on."""
        self._workers[pod] = ([now] * self._slots, [])
        for _ in range(self._prefetch):
            heappush(self._credits, now << BITS | pod)

    def remove(self, pod: int, now: int) -> list[Held]:
        """Let a worker take no more messages; return what it runs and what it reserved."""
        _, held = self._workers.pop(pod)
        self._credits = [key for key in self._credits if key & MASK != pod]
        heapify(self._credits)
        return [Held(*task) for task in held if task[1] > now]

    def feed(self, arrivals: list[int], durations: list[int], first: int, stop: int, until: int) -> int:
        """Hand out messages in order as long as they leave the queue before `until`."""
        credits_, waits, late = self._credits, self._waits, self._late
        if not credits_:
            return first
        most = 4 * (self._prefetch + self._slots)
        at, finish = first, 0
        for arrival, duration in zip(arrivals[first:stop], durations[first:stop], strict=True):
            key = credits_[0]
            taken = key >> BITS
            if taken < arrival:  # noqa: PLR1730  # the hot loop: a call costs more
                taken = arrival
            if taken >= until:
                break
            pod = key & MASK
            slots, held = self._workers[pod]
            start = slots[0]
            if start < taken:  # noqa: PLR1730
                start = taken
            finish = start + duration
            heapreplace(slots, finish)
            heapreplace(credits_, (finish if late else start) << BITS | pod)
            if start > arrival:
                held.append((start, finish, arrival, len(waits)))
                waits.append(start - arrival)
            else:
                held.append((start, finish, arrival, None))
            if len(held) > most:
                held[:] = [task for task in held if task[1] > taken]
            at += 1
        self.last_finish = finish
        return at

    def running(self, now: int) -> int:
        """Return how many tasks run."""
        return sum(sum(map(now.__lt__, slots)) for slots, _ in self._workers.values())

    def unacknowledged(self, now: int) -> int:
        """Return how many messages the broker waits for."""
        return sum(map((now << BITS | MASK).__lt__, self._credits))

    def reserved(self, now: int) -> int:
        """Return how many tasks workers hold without running them."""
        held = self.unacknowledged(now)
        return held - self.running(now) if self._late else held
