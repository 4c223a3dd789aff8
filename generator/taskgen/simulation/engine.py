"""The event loop: looks, polls, syncs, starts and ends of workers; between two of them, tasks flow."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Final

from taskgen.simulation.arrivals import Load
from taskgen.simulation.control import Control, Reading
from taskgen.simulation.durations import SECOND
from taskgen.simulation.fleet import Held
from taskgen.simulation.flow import Flow
from taskgen.simulation.hpa import SYNC_S
from taskgen.simulation.model import TierModel
from taskgen.simulation.outcome import Counts, Look, Outcome

HAND_BACK: Final = SECOND
"""Until a message that a worker handed back is in the queue again ([Celery 4]: 1.3 to 1.6 s, measured)."""
STREAMS: Final = ("arrivals", "service", "victims", "failures", "phases")


@dataclass(slots=True)
class _Pod:
    created: int
    ready_at: int | None = None


def simulate(tier: TierModel, load: Load, *, seed: int, watch: "Callable[[Engine], None] | None" = None) -> Outcome:
    """Run one tier under one load.

    Args:
        tier: the tier.
        load: what arrives, and for how long.
        seed: of all chance; each source of chance has a stream of its own, so that another autoscaler sees the same
            arrivals.
        watch: called after every control event.
    """
    return Engine(tier, load, seed).run(watch)


class Engine:
    """One run under way."""

    def __init__(self, tier: TierModel, load: Load, seed: int) -> None:
        streams = {name: Random(f"{seed}:{name}") for name in STREAMS}  # noqa: S311  # a model, not a secret
        self.tier = tier
        self.now = 0
        self.counts = Counts()
        self.flow = Flow(tier, load, streams)
        self.control = Control(tier.scaler, tier.metric)
        self.pods: dict[int, _Pod] = {}
        self.looks: list[Look] = []
        self._leaving: list[int] = []
        self._limbo: list[tuple[int, int]] = []
        self._end = round(load.end * SECOND)
        self._victims = streams["victims"]
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self._numbers = count()
        self._pod_time = 0
        self._ready_at: list[float] = []
        self._warm = (0, 0)
        self._begin(streams["phases"])

    def run(self, watch: "Callable[[Engine], None] | None" = None) -> Outcome:
        """Run until the load ends."""
        while self._events and self._events[0][0] <= self._end:
            self.now, _, event = heappop(self._events)
            self.flow.advance(self.now)
            event()
            if watch is not None:
                watch(self)
        self.now = self._end
        self.flow.advance(self._end)
        if not self.looks or self.looks[-1].at * SECOND < self._end:
            self._look()
        return self._outcome()

    def _begin(self, phases: Random) -> None:
        """Start the first workers, ready, and the clocks of everything that repeats."""
        scaler, trouble = self.tier.scaler, self.tier.disturbances
        for _ in range(scaler.initial):
            self._create(0)
        if self.tier.warmup_s:
            self._at(round(self.tier.warmup_s * SECOND), self._warmed)
        self._every(self.tier.metric.refresh_s, 0.0, self._look)
        if scaler.kind == "keda":
            self._every(scaler.polling_s, phases.random(), self._poll)
        if scaler.kind != "fixed":
            self._every(SYNC_S, phases.random(), self._sync)
        for crash in trouble.crashes:
            self._at(round(crash * SECOND), self._crash)

    def _at(self, time: int, event: Callable[[], None]) -> None:
        heappush(self._events, (time, next(self._order), event))

    def _every(self, seconds: float, phase: float, event: Callable[[], None]) -> None:
        period = round(seconds * SECOND)

        def again() -> None:
            event()
            self._at(self.now + period, again)

        self._at(int(phase * period), again)

    def _warmed(self) -> None:
        self._warm = (len(self.flow.waits), self.flow.started)

    # What the controllers do.

    def _look(self) -> None:
        now, seconds = self.now, self.now / SECOND
        fleet, flow = self.flow.fleet, self.flow
        self._leaving = [finish for finish in self._leaving if finish > now]
        self._limbo = [(at, back) for at, back in self._limbo if back > now]
        leaving, running, waiting = len(self._leaving), fleet.running(now), flow.waiting(now)
        if self.tier.metric.in_flight == "running":
            in_flight = running + leaving
        else:
            late = self.tier.worker.late
            in_flight = fleet.unacknowledged(now) + (leaving if late else 0)
            in_flight += sum(at <= now for at, _ in self._limbo) if self.tier.metric.limbo else 0
        ready = sum(pod.ready_at is not None for pod in self.pods.values())
        self.looks.append(
            Look(
                seconds, waiting, running + leaving, fleet.reserved(now), in_flight, ready, len(self.pods),
                flow.arrived(now), flow.started, len(flow.waits),
            )
        )  # fmt: skip
        blind = any(start <= seconds < end for start, end in self.tier.disturbances.blind)
        self.control.look(Reading(seconds, None if blind else {"waiting": waiting, "in_flight": in_flight}))

    def _poll(self) -> None:
        self._resize(self.control.poll(self.now / SECOND, len(self.pods)))

    def _sync(self) -> None:
        self._resize(self.control.sync(self.now / SECOND, len(self.pods)))

    # Workers come and go.

    def _resize(self, size: int) -> None:
        if size == len(self.pods):
            return
        self.counts.changes += 1
        for _ in range(size - len(self.pods)):
            self._create(round(self.tier.worker.start_s * SECOND))
        while len(self.pods) > size:
            self._stop(self._victim())

    def _create(self, start: int) -> None:
        number = next(self._numbers)
        self.pods[number] = _Pod(self.now)
        if start:
            self._at(self.now + start, partial(self._ready, number))
        else:
            self.pods[number].ready_at = self.now
            self.flow.fleet.add(number, self.now)

    def _ready(self, number: int) -> None:
        if number in self.pods:  # it may have been removed while it started
            self.pods[number].ready_at = self.now
            self.flow.fleet.add(number, self.now)
            self._ready_at.append(self.now / SECOND)

    def _victim(self) -> int:
        """Return the worker that goes: one that still starts, else any (the controller knows nothing of tasks)."""
        starting = [number for number, pod in self.pods.items() if pod.ready_at is None]
        return starting[-1] if starting else self._victims.choice(sorted(self.pods))

    def _stop(self, number: int) -> None:
        """Tell a worker to stop: it drains, or its tasks are broken off after the time that they get."""
        running = self._retire(number)
        deadline = self.now + round(self.tier.ending.tasks_get_s * SECOND)
        broken = [task for task in running if task.finish > deadline]
        self._leaving += [min(task.finish, deadline) for task in running]
        ends = max((min(task.finish, deadline) for task in running), default=self.now)
        self._pod_time += max(0, min(ends, self._end) - self.now)
        if broken:
            self._break(broken, deadline, killed=self.tier.ending.mode == "drain" or not self.tier.ending.cut_returns)

    def _crash(self) -> None:
        """Kill a worker; its replacement starts at once."""
        ready = sorted(number for number, pod in self.pods.items() if pod.ready_at is not None)
        if ready:
            self.counts.crashes += 1
            self._break(self._retire(self._victims.choice(ready)), self.now, killed=True)
            self._create(round(self.tier.worker.start_s * SECOND))

    def _retire(self, number: int) -> list[Held]:
        """Take a worker out; what it reserved goes back to the queue. Return what it runs."""
        pod = self.pods.pop(number)
        self._pod_time += self.now - pod.created
        held = self.flow.fleet.remove(number, self.now) if pod.ready_at is not None else []
        for task in held:
            if task.start >= self.now:
                attempt = self.flow.forget_failure(task.finish)
                duration = task.finish - task.start
                self.flow.give_back(task.arrival, duration, attempt=attempt, recorded=task.recorded)
        running = [task for task in held if task.start < self.now]
        self.counts.hit += len(running)
        return running

    def _break(self, tasks: list[Held], at: int, *, killed: bool) -> None:
        """Break tasks off at a time, and bring them back when somebody notices, or never."""
        ending = self.tier.ending
        for task in tasks:
            attempt = self.flow.forget_failure(task.finish)
            self.counts.interrupted += 1
            if killed and ending.recovery_s is None:
                self.counts.lost += 1
                continue
            recovery = round((ending.recovery_s or 0.0) * SECOND)
            seen = max(at, (task.start if ending.from_start else at) + recovery)
            back = seen if killed else at + HAND_BACK
            self.counts.redelivered += 1
            self.flow.put(back, task.finish - task.start, attempt)
            if killed:
                self._limbo.append((at, back))

    def _outcome(self) -> Outcome:
        flow, counts, end = self.flow, self.counts, self._end
        self._pod_time += sum(end - pod.created for pod in self.pods.values())
        counts.submitted, counts.started = flow.arrived(end), flow.started
        counts.failed_attempts, counts.failed = flow.failed_attempts, flow.failed
        counts.waiting, counts.returning = flow.waiting(end), flow.returning(end)
        counts.running = self.looks[-1].running + self.looks[-1].reserved
        first_wait, started = self._warm
        return Outcome(
            seconds=end / SECOND,
            counts=counts,
            waits=flow.waits,
            measured=flow.started - started,
            first_wait=first_wait,
            left=flow.ages(end),
            pod_seconds=self._pod_time / SECOND,
            looks=self.looks,
            ready_at=self._ready_at,
        )
