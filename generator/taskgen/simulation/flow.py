"""The tasks on their way: arrivals, the queue, attempts that fail, and tasks that come back."""

from array import array
from bisect import bisect_left
from heapq import heapify, heappop, heappush
from math import inf, log
from random import Random

from taskgen.simulation.arrivals import Load, chunks
from taskgen.simulation.durations import SECOND
from taskgen.simulation.fleet import Fleet, HoardingFleet, PullingFleet
from taskgen.simulation.model import TierModel, Worker


class Flow:
    """One queue in front of one fleet. Times in microseconds."""

    def __init__(self, tier: TierModel, load: Load, streams: dict[str, Random]) -> None:
        self.waits = array("q")
        self.fleet = _fleet(tier.worker, self.waits)
        self.started = 0
        self.loaded = 0
        """fresh tasks that are known so far"""
        self.failed_attempts = 0
        self.failed = 0
        self._tier = tier
        self._service = streams["service"].random
        self._chance = streams["failures"].random
        self._chunks = chunks(load, streams["arrivals"])
        # Three parallel lists: what waits or will arrive soon, in order of arrival.
        self._arrivals: list[int] = []
        self._durations: list[int] = []
        self._attempts: list[int] = []
        self._first = 0
        self._known_until = 0
        self._later: list[tuple[int, int, int]] = []
        self._put: list[int] = []
        self._brought = 0
        self._retries: dict[int, tuple[int, int]] = {}
        self._next_failure = self._gap()

    def waiting(self, now: int) -> int:
        """Return how many tasks wait in the queue."""
        return bisect_left(self._arrivals, now, self._first) - self._first

    def returning(self, now: int) -> int:
        """Return how many tasks will come back to the queue."""
        while self._put and self._put[0] < now:
            heappop(self._put)
        return len(self._put)

    def came_back(self, now: int) -> int:
        """Return how many tasks came back to the queue: retries, and tasks of workers that were stopped."""
        return self._brought - self.returning(now)

    def arrived(self, now: int) -> int:
        """Return how many fresh tasks arrived."""
        ahead = len(self._arrivals) - bisect_left(self._arrivals, now, self._first)
        return self.loaded - (ahead + len(self._later) - self.returning(now))

    def ages(self, now: int) -> list[int]:
        """Return for how long each task of the queue has waited."""
        return [now - arrival for arrival in self._arrivals[self._first : self._first + self.waiting(now)]]

    def put(self, arrival: int, duration: int, attempt: int = 1) -> None:
        """Bring a task back: at a time to come, or in its old place in the queue."""
        if arrival >= self._known_until:
            heappush(self._later, (arrival, duration, attempt))
        else:
            self._insert(arrival, duration, attempt)
        heappush(self._put, arrival)
        self._brought += 1

    def give_back(self, arrival: int, duration: int, *, attempt: int, recorded: int | None) -> None:
        """Put a task that was reserved and never ran back in its place, and forget the wait that it would have had."""
        if recorded is not None:
            self.waits[recorded] = -1
        self.started -= 1
        self._insert(arrival, duration, attempt)

    def forget_failure(self, finish: int) -> int:
        """Take back the failure of a task that is broken off before its end; return its attempt."""
        if finish not in self._retries:
            return 1
        arrival, attempt = self._retries.pop(finish)
        self.failed_attempts -= 1
        if arrival < 0:
            self.failed -= 1
            return attempt
        self._put.remove(arrival)
        self._brought -= 1
        heapify(self._put)
        if arrival >= self._known_until:
            self._later = sorted(one for one in self._later if one[0] != arrival)
        else:
            at = bisect_left(self._arrivals, arrival, self._first)
            del self._arrivals[at], self._durations[at], self._attempts[at]
        return attempt

    def advance(self, until: int) -> None:
        """Start every task that leaves the queue before a time."""
        while self._known_until < until:
            self._load()
        while True:
            ahead = self._next_failure - self.started
            known = bisect_left(self._arrivals, until, self._first)
            stop = known if ahead == inf else min(known, self._first + int(ahead))
            if self._feed(stop, until) < stop or stop == known:
                return
            if self._feed(stop + 1, until) == stop:
                return
            self._fail(stop)

    def _feed(self, stop: int, until: int) -> int:
        at = self.fleet.feed(self._arrivals, self._durations, self._first, stop, until)
        self.started += at - self._first
        self._first = at
        return at

    def _load(self) -> None:
        """Add the next stretch of arrivals, and forget what has ended."""
        self._retries = {finish: retry for finish, retry in self._retries.items() if finish >= self._known_until}
        self._known_until, fresh = next(self._chunks)
        table, draw, size = self._tier.table, self._service, len(self._tier.table)
        self._arrivals[: self._first] = []
        self._durations[: self._first] = []
        self._attempts[: self._first] = []
        self._first = 0
        self._arrivals += fresh
        self._durations += [table[int(draw() * size)] for _ in fresh]
        self._attempts += [1] * len(fresh)
        self.loaded += len(fresh)
        while self._later and self._later[0][0] < self._known_until:
            self._insert(*heappop(self._later))

    def _insert(self, arrival: int, duration: int, attempt: int) -> None:
        at = bisect_left(self._arrivals, arrival, self._first)
        self._arrivals.insert(at, arrival)
        self._durations.insert(at, duration)
        self._attempts.insert(at, attempt)

    def _gap(self) -> float:
        """Return how many tasks will have started before the next one that fails: geometric gaps."""
        share = self._tier.failing
        if share <= 0:
            return inf
        if share >= 1:
            return self.started
        return self.started + int(log(1.0 - self._chance()) / log(1.0 - share))

    def _fail(self, index: int) -> None:
        """Let the task that was started last fail at its end, and repeat it if it may."""
        retry, attempt, finish = self._tier.retry, self._attempts[index], self.fleet.last_finish
        self.failed_attempts += 1
        self._next_failure = self._gap()
        if attempt >= retry.max_attempts:
            self.failed += 1
            self._retries[finish] = (-1, attempt)
            return
        share = (1 + self._chance()) / 2 if retry.jitter else 1.0
        arrival = finish + int(retry.delay(attempt) * share * SECOND)
        self._retries[finish] = (arrival, attempt)
        self.put(arrival, self._tier.table[int(self._chance() * len(self._tier.table))], attempt + 1)


def _fleet(worker: Worker, waits: "array[int]") -> Fleet:
    if worker.hoards and worker.prefetch is not None:
        return HoardingFleet(slots=worker.slots, prefetch=worker.prefetch, late=worker.late, waits=waits)
    return PullingFleet(slots=worker.slots, late=worker.late, waits=waits)
