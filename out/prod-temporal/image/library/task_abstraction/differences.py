"""Planned against running: what a worker really does is compared with its plan, and each difference is said."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from task_abstraction.config import TierSettings, WorkerPlan
from task_abstraction.runtime.health_state import HealthState
from task_abstraction.runtime.worker_metrics import WorkerMetrics

log = logging.getLogger("task_abstraction.plan")
CHECK = "plan"
"""Name of the readiness check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that runs otherwise than planned."""

    what: str
    planned: object
    running: object
    consequence: str
    remedy: str
    unsafe: bool = False
    """whether work could be lost, or done twice, because of it"""

    def __str__(self) -> str:
        return (
            f"{self.what}: planned {_shown(self.planned)}, running {_shown(self.running)}: "
            f"{self.consequence}; {self.remedy}"
        )


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return ",".join(map(str, value)) or "none"
    return str(value)


class StartReport:
    """The differences of one worker: said in its log, counted in its metrics, and in production kept from readiness."""

    def __init__(self, health: HealthState, metrics: WorkerMetrics, *, production: bool) -> None:
        self._health, self._metrics, self._production = health, metrics, production
        self._found: dict[str, tuple[Difference, ...]] = {}
        self._said: set[str] = set()
        metrics.set_differences(unsafe=0, said=0)

    def set(self, source: str, found: Iterable[Difference]) -> None:
        """Replace what one comparison found (a worker that connects again compares again); only new ones are said."""
        self._found[source] = tuple(found)
        for difference in self._found[source]:
            text = str(difference)
            if text not in self._said:
                self._said.add(text)
                log.log(logging.ERROR if difference.unsafe else logging.WARNING, "%s", text)
        # Two comparisons may see the same: it counts once.
        everything = {str(difference): difference for found in self._found.values() for difference in found}
        unsafe = [difference for difference in everything.values() if difference.unsafe]
        self._metrics.set_differences(unsafe=len(unsafe), said=len(everything) - len(unsafe))
        if self._production:
            self._health.set_check(CHECK, str(unsafe[0]) + _and_more(len(unsafe) - 1) if unsafe else None)


def _and_more(count: int) -> str:
    return f" (and {count} more)" if count else ""


def compare_slots(planned: TierSettings, slots: int) -> list[Difference]:
    """Compare the tasks that run at once."""
    if slots == planned.concurrency:
        return []
    consequence = "the memory limit and the connection budget were derived for fewer"
    if slots < planned.concurrency:
        consequence = "the backlog grows where the plan counts on more"
    return [
        Difference(
            what=f"concurrency of tier {planned.name}",
            planned=planned.concurrency,
            running=slots,
            consequence=consequence,
            remedy=f"set tiers.{planned.name}.concurrency, or take away the flag or variable that says otherwise",
        )
    ]


def compare_queues(planned: TierSettings, plan: WorkerPlan, served: Sequence[str]) -> list[Difference]:
    """Compare the queues that are served: one that nobody serves keeps its tasks for ever."""
    missing = [queue for queue in planned.queues if queue not in served]
    alone = [queue for queue in missing if all(tier.name == planned.name for tier in plan.tiers_of_queue(queue))]
    remedy = f"serve what tiers.{planned.name}.queues says, or change it there"
    found = []
    if missing or set(served) - set(planned.queues):
        consequence = "their tasks run under limits and alerts of another tier"
        if missing:
            consequence = f"another tier alone serves {','.join(missing)}"
        if alone:
            consequence = f"nobody serves {','.join(alone)}: its tasks wait for ever"
        found.append(
            Difference(
                what=f"queues of tier {planned.name}",
                planned=tuple(sorted(planned.queues)),
                running=tuple(sorted(served)),
                consequence=consequence,
                remedy=remedy,
                unsafe=bool(alone),
            )
        )
    return found


def compare_declared_queue(name: str, queue: str, plan: WorkerPlan) -> list[Difference]:
    """Compare the queue that a task declares with the one that it is routed to."""
    routed = plan.route_of(name)
    if not plan.tiers or queue == routed or (routed is None and plan.tiers_of_queue(queue)):
        return []
    return [
        Difference(
            what=f"queue of task {name}",
            planned=routed or plan.default_queue,
            running=f"{queue} (queue= in the code)",
            consequence=(
                "it runs in another tier, with that tier's limits"
                if plan.tiers_of_queue(queue)
                else "no tier of the plan serves it: the task waits for ever"
            ),
            remedy=f"take queue= out of the code, or list the task under queues.{queue}.tasks",
            unsafe=not plan.tiers_of_queue(queue),
        )
    ]


def compare_declared_limit(
    name: str, running: float | None, planned: TierSettings, plan: WorkerPlan
) -> list[Difference]:
    """Compare the limit that a task declares with the one that the plan states."""
    stated: Mapping[str, object] = {**planned.task, **plan.overrides_of(name)}
    limit = stated.get("time_limit_s")
    if limit is None or running is None or running == limit:
        return []
    longest = longest_limit(planned, plan)
    unsafe = longest is not None and running > longest
    return [
        Difference(
            what=f"time limit of task {name}",
            planned=f"{limit:g} s",
            running=f"{running:g} s (timeout= in the code)",
            consequence=(
                f"grace and redelivery are made for {longest:g} s: it is killed or delivered again while it runs"
                if unsafe
                else "the code decides, not the profile"
            ),
            remedy=f"state tasks.{name}.time_limit in the profile, or take timeout= out of the code",
            unsafe=unsafe,
        )
    ]


def longest_limit(planned: TierSettings, plan: WorkerPlan) -> float | None:
    """Longest time limit that the plan knows, of the tier's own or of single tasks, in seconds."""
    limits = [planned.task.get("time_limit_s"), *(policy.get("time_limit_s") for _, policy in plan.tasks)]
    return max((float(limit) for limit in limits if limit is not None), default=None)
