"""Rules of family P: limits of the platforms, as their target.yaml states them, and cells of several regions."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from taskgen.plan.model import Plan
from taskgen.profile.scalars import format_duration as text
from taskgen.rules.engine import Breach, rule

MARGIN: Final = timedelta(seconds=15)
"""What the quickest worker needs after its last task ([Celery 3])."""
ADDRESS: Final = {"celery": ("broker", "url"), "temporal": ("address",), "hatchet": ("host_port",)}
"""Where a region names the server of its own cell."""


@rule(
    "P01",
    "E/E/E",
    why="the platform kills the worker before its tasks have ended",
    reference="ECS Fargate 120 s, Render 300 s, Cloud Run 10 s",
    remedy="use shutdown: cut with idempotent tasks, or another target",
)
def grace_fits_the_platform(plan: Plan) -> Iterator[Breach]:
    """The grace period is possible on every rendered target."""
    for target, limit in plan.grace_limits.items():
        for tier in plan.tiers:
            if tier.grace > limit:
                what = f"{text(tier.grace)} is longer than the {text(limit)} that target {target} allows"
                yield Breach(f"tiers.{tier.name}.shutdown.grace", what)


@rule(
    "K08",
    "W/E/E",
    why="tasks are killed in their middle at every deployment",
    reference="P01: the limits of the platforms",
    remedy="use shutdown: cut with idempotent tasks, or another target; waive it where losing them is acceptable",
)
def long_tasks_are_cut(plan: Plan) -> Iterator[Breach]:
    """A tier whose tasks outlast what the platform waits is cut, and its tasks are idempotent."""
    for target, limit in plan.grace_limits.items():
        for tier in plan.tiers:
            if tier.time_limit + MARGIN > limit and not (tier.shutdown_mode == "cut" and tier.all_idempotent):
                what = f"tasks of up to {text(tier.time_limit)} outlast the {text(limit)} of target {target}"
                yield Breach(f"tiers.{tier.name}.shutdown.mode", what)


def _own_address(backends: Mapping[str, Any], backend: str) -> object:
    value: Any = backends.get(backend)
    for key in ADDRESS[backend]:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if value is None or isinstance(value, str) else tuple(sorted(value.items()))


@rule(
    "P23",
    "E/E/E",
    why="workers of one region wait for another, and an outage of one ends both",
    reference="seed 003 lines 694-717, corrected: a worker on a read replica dies at its start, measured",
    remedy="give each region its broker or server under regions.<name>.backends",
)
def regions_are_cells(plan: Plan) -> Iterator[Breach]:
    """Each of several regions has a broker or server of its own."""
    regions = {name: region for name, region in plan.profile.regions.items() if region}
    for backend in plan.backends if len(regions) > 1 else ():
        seen: dict[object, str] = {}
        for name, region in regions.items():
            address = _own_address(region.backends, backend)
            if address is None:
                yield Breach(f"regions.{name}", f"it has no {backend} server of its own")
            elif address in seen:
                yield Breach(f"regions.{name}.backends", f"it shares its {backend} server with {seen[address]}")
            else:
                seen[address] = name
