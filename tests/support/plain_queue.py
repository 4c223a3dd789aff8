"""The simplest simulation of one queue, one event at a time: slow, and short enough to be believed."""

from collections import deque
from collections.abc import Sequence
from heapq import heappop, heappush


def waits(arrivals: Sequence[int], durations: Sequence[int], *, slots: Sequence[int]) -> list[int]:
    """Return the wait of each task in order of arrival.

    Args:
        arrivals: times, ascending.
        durations: of each task.
        slots: the time from which each slot takes tasks.
    """
    events: list[tuple[int, int, int]] = []  # time, what (0 a slot becomes free, 1 a task arrives), which task
    for ready in slots:
        heappush(events, (ready, 0, -1))
    for number, arrival in enumerate(arrivals):
        heappush(events, (arrival, 1, number))
    queue: deque[int] = deque()
    free = 0
    found = [0] * len(arrivals)
    while events:
        now, what, number = heappop(events)
        if what == 0:
            free += 1
        else:
            queue.append(number)
        while free and queue:
            task = queue.popleft()
            free -= 1
            found[task] = now - arrivals[task]
            heappush(events, (now + durations[task], 0, task))
    return found
