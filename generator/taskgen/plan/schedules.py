"""Schedules with their defaults filled in."""

import re
from datetime import timedelta
from itertools import pairwise

from taskgen.plan.model import SchedulePlan, TierPlan
from taskgen.plan.routing import queue_of
from taskgen.profile.model import Profile
from taskgen.profile.operations import Schedule


def schedules(profile: Profile, tiers: tuple[TierPlan, ...]) -> tuple[SchedulePlan, ...]:
    """Return the schedules of a profile, sorted by name."""
    return tuple(_schedule(profile, name, entry, tiers) for name, entry in sorted(profile.schedules.items()) if entry)


def _schedule(profile: Profile, name: str, entry: Schedule, tiers: tuple[TierPlan, ...]) -> SchedulePlan:
    queue = entry.queue or queue_of(profile, entry.task)
    backend = next((tier.backend for tier in tiers if queue in tier.queues), profile.backends.names()[0])
    return SchedulePlan(
        name=name,
        task=entry.task,
        cron=entry.cron,
        every=entry.every,
        timezone=entry.timezone,
        queue=queue,
        backend=backend,
        priority=entry.priority,
        args=entry.args,
        kwargs=entry.kwargs,
        expires=entry.expires or entry.every or shortest_interval(entry.cron or ""),
        enabled=entry.enabled,
    )


def _values_of(field: str, low: int, high: int) -> list[int]:
    found: set[int] = set()
    for part in field.split(","):
        base, _, step = part.partition("/")
        first, _, last = base.partition("-")
        start, stop = (low, high) if base == "*" else (int(first), int(last or (high if step else first)))
        found.update(range(start, stop + 1, int(step or 1)))
    return sorted(found)


def shortest_interval(cron: str) -> timedelta:
    """Return the shortest time between two runs of a cron expression, looking at minutes and hours; at most a day."""
    fields = cron.split()
    for field, size, unit in ((fields[0], 60, timedelta(minutes=1)), (fields[1], 24, timedelta(hours=1))):
        found = _values_of(field, 0, size - 1) if re.fullmatch(r"[\d*,/\-]+", field) else [0]
        if len(found) > 1:
            return min(later - earlier for earlier, later in pairwise([*found, found[0] + size])) * unit
    return timedelta(days=1)
