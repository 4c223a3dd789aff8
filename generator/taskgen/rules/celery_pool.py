"""Rules of family C: memory, CPU and child processes of one worker."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from taskgen.plan.model import Plan, TierPlan
from taskgen.profile.scalars import format_duration as text
from taskgen.profile.scalars import parse_size
from taskgen.rules.celery import own
from taskgen.rules.engine import Breach, rule

MIB: Final = 2**20
CHILD_START: Final = timedelta(seconds=1)
"""Start of one child with a small application ([Celery 9]): 60 tasks a minute at most when each gets its own."""
STARTS_SHARE: Final = 20
"""A child works at least so many times as long as it starts (rule C10)."""
CPU_OF_A_SLOT: Final = 800
"""Thousandths of a core for one process of CPU work (rule C11)."""


def _size(value: object) -> int | None:
    try:
        return parse_size(value)
    except ValueError:
        return None


def _memory_volumes(plan: Plan, tier: TierPlan) -> Iterator[tuple[str, int | None]]:
    """Yield place and size of the volumes of a tier that live in memory; None: no size that Kubernetes reads."""
    both = (("pod", plan.profile.pod.volumes), (f"tiers.{tier.name}.pod", tier.profile.pod.volumes))
    found = {name: (f"{at}.volumes.{name}", volume) for at, volumes in both for name, volume in volumes.items()}
    for path, volume in found.values():
        empty = (volume or {}).get("emptyDir")
        if isinstance(empty, Mapping) and empty.get("medium") == "Memory":
            yield path, _size(empty.get("sizeLimit"))


@rule(
    "C08",
    "W/E/E",
    why="the worker is killed for memory in the middle of a task",
    reference="[Celery 9]: 51 MiB and 44 MiB per child, measured; applies to the other backends with their own base",
    remedy="raise pod.resources.memory, lower concurrency, or leave it out: it is derived",
)
def memory_is_enough(plan: Plan) -> Iterator[Breach]:
    """The memory limit covers the base, the processes, the tasks and the volumes in memory."""
    for tier in plan.tiers:
        trail = plan.trails[f"tiers.{tier.name}.memory_limit"]
        need = trail.derived
        for path, size in _memory_volumes(plan, tier):
            if size is None:
                yield Breach(path, "a volume in memory without sizeLimit may take the whole pod", "add a sizeLimit")
            need += size or 0
        if trail.value < need:
            what = f"{trail.value // MIB}Mi is less than the {need // MIB}Mi that the facts need"
            remedy = None if trail.typed else "set it: volumes in memory count against it"
            yield Breach(trail.typed or f"tiers.{tier.name}.pod.resources.memory", what, remedy)


@rule(
    "C09",
    "W/E/E",
    why="children are replaced too late: the pod is killed first",
    reference="[Celery 9]: checked only after a task ends (mitodl#5475)",
    remedy="lower max_memory_per_child or concurrency",
)
def recycling_comes_before_the_limit(plan: Plan) -> Iterator[Breach]:
    """The children's own limit leaves room below the limit of the pod."""
    for tier in own(plan):
        most = tier.profile.max_memory_per_child
        if most is not None and most * tier.concurrency + tier.memory_base > 0.9 * tier.memory_limit:
            yield Breach(
                f"tiers.{tier.name}.max_memory_per_child", "all children together exceed 90% of the pod's memory limit"
            )


@rule(
    "C10",
    "N/W/W",
    why="children that live for a few short tasks spend their time on starting",
    reference="[Celery 9]: about 1 s for one start; 60 tasks a minute at most with one task per child",
    remedy="raise max_tasks_per_child",
)
def children_live_long_enough(plan: Plan) -> Iterator[Breach]:
    """A child works at least twenty times as long as it starts."""
    for tier in own(plan):
        most = tier.profile.max_tasks_per_child
        if tier.pool == "prefork" and most is not None and most * tier.duration_p50 < STARTS_SHARE * CHILD_START:
            what = f"a child lives for {text(most * tier.duration_p50)} of work, a start takes about 1s"
            yield Breach(f"tiers.{tier.name}.max_tasks_per_child", what)


@rule(
    "C11",
    "N/W/W",
    why="the processes of the pool wait for each other's CPU: tasks take longer than their durations say",
    reference="[Celery 9]; date-website#1040",
    remedy="raise pod.resources.cpu, lower concurrency, or leave it out: it is derived",
)
def processes_have_their_cpu(plan: Plan) -> Iterator[Breach]:
    """A prefork tier of CPU work requests at least 0.8 core for each process."""
    for tier in own(plan):
        need = CPU_OF_A_SLOT * tier.concurrency
        if tier.workload == "cpu" and tier.pool == "prefork" and tier.cpu_request < need:
            typed = plan.trails[f"tiers.{tier.name}.cpu_request"].typed
            what = f"{tier.cpu_request}m for {tier.concurrency} processes of CPU work, which need {need}m"
            yield Breach(typed or f"tiers.{tier.name}.pod.resources.cpu", what)
