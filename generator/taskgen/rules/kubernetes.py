"""Rules of family K: Kubernetes, autoscaling and monitoring, as far as the plan alone shows them."""

from collections.abc import Iterator
from datetime import timedelta

from taskgen.plan.model import Plan, TierPlan
from taskgen.profile.scalars import format_duration as text
from taskgen.rules.engine import Breach, rule

BURN = 14.4
"""Factor of the fastest burn-rate alert (SRE workbook, chapter 5)."""
LONGEST_TARGET = 54
"""KEDA names the HPA keda-hpa-<name>: 63 - 9 characters (autoscaling.md, from source)."""
POLLING = timedelta(seconds=10)


def scaled(plan: Plan) -> tuple[TierPlan, ...]:
    """Return the tiers that an autoscaler of Kubernetes owns."""
    options = getattr(plan.profile.targets, "kubernetes", None)
    return tuple(tier for tier in plan.tiers if tier.autoscaled) if options else ()


@rule(
    "K06",
    "W/W/W",
    why="running tasks are hit by scale-down",
    reference="autoscaling.md 3: simulated",
    remedy="raise scale.behavior.down.window, or leave it out: it is derived",
)
def scale_down_waits(plan: Plan) -> Iterator[Breach]:
    """A tier that drains shrinks only after the length of its longer tasks."""
    for tier in scaled(plan):
        if tier.shutdown_mode == "drain" and tier.scale_down_window < min(tier.duration_p99, timedelta(hours=1)):
            yield Breach(
                f"tiers.{tier.name}.scale.behavior.down.window",
                f"{text(tier.scale_down_window)} is shorter than duration.p99",
            )


@rule(
    "K11",
    "E/E/E",
    why="the tier is scaled to zero in the middle of work",
    reference="keda#7368, keda#2314, measured",
    remedy="set scale.min to 1, or leave in_flight among the signals",
)
def zero_is_safe(plan: Plan) -> Iterator[Breach]:
    """A tier that may shrink to zero counts its running work."""
    for tier in scaled(plan):
        if tier.min_replicas == 0 and "in_flight" not in tier.signals:
            yield Breach(f"tiers.{tier.name}.scale.signals", "the backlog alone is 0 while every slot is busy")


@rule(
    "K15",
    "E/E/E",
    why="KEDA's webhook and the name of its HPA refuse it",
    reference="autoscaling.md, from source",
    remedy="shorten app.name or the tier",
)
def names_fit(plan: Plan) -> Iterator[Breach]:
    """Names of scaled workloads leave room for KEDA's prefix."""
    for tier in scaled(plan):
        name = f"worker-{tier.name}"
        if len(name) > LONGEST_TARGET:
            yield Breach(f"tiers.{tier.name}", f"{name} has {len(name)} characters, {LONGEST_TARGET} are possible")


@rule(
    "K20",
    "N/W/E",
    why="a tag can move between two pods of one rollout: mixed versions of the code",
    reference="kubernetes.md 2",
    remedy="set app.image.digest (or --set app.image.digest=sha256:...)",
)
def images_are_pinned(plan: Plan) -> Iterator[Breach]:
    """Images are given by digest."""
    if getattr(plan.profile.targets, "kubernetes", None) is None:
        return
    if plan.profile.app.image.digest is None:
        yield Breach("app.image.digest", "the image is named by tag only")
    for tier in plan.tiers:
        if tier.profile.image and tier.profile.image.digest is None:
            yield Breach(f"tiers.{tier.name}.image.digest", "the image is named by tag only")


@rule(
    "K21",
    "E/E/E",
    why="the burn-rate alert can never fire: its threshold is above 100%",
    reference="monitoring.md 6",
    remedy="raise slo.success above 93.06%",
)
def burn_rates_can_fire(plan: Plan) -> Iterator[Breach]:
    """The threshold of the fastest burn-rate alert is below one."""
    for tier in plan.tiers:
        if plan.profile.monitoring.alerts.enabled and BURN * (1 - tier.success) >= 1:
            yield Breach(f"tiers.{tier.name}.slo.success", f"14.4 x (1 - {tier.success:.2%}) is 1 or more")


@rule(
    "K32",
    "N/W/W",
    why="the load of the busiest time cannot be served: the queue grows until the peak is over",
    reference="autoscaling.md 1: Rmax",
    remedy="raise scale.max, or state a lower load.peak",
)
def peak_can_be_served(plan: Plan) -> Iterator[Breach]:
    """The most replicas carry the peak rate."""
    for tier in plan.tiers:
        capacity = tier.max_replicas * tier.concurrency
        need = tier.peak * tier.mean_duration.total_seconds()
        if plan.profile.environment != "dev" and capacity < need:
            served = capacity / tier.mean_duration.total_seconds()
            what = f"{capacity} slots serve at most {served:.1f}/s of {tier.peak:g}/s"
            yield Breach(f"tiers.{tier.name}.scale.max", what)


@rule(
    "K33",
    "N/N/W",
    why="no reactive autoscaler is fast enough: a step of the load misses the goal for that long",
    reference="autoscaling.md 1: step check",
    remedy="loosen slo.wait, raise scale.min, or add a schedule for the busy hours",
)
def goal_leaves_time_to_react(plan: Plan) -> Iterator[Breach]:
    """The wait goal is longer than the reaction of the autoscaler, or the fewest replicas carry the peak."""
    for tier in scaled(plan):
        enough = tier.min_replicas * tier.concurrency >= tier.peak * tier.mean_duration.total_seconds()
        if tier.step_misses_goal and not enough:
            what = f"{text(tier.wait_goal)} is shorter than the {text(tier.reaction_latency)} that scaling needs"
            yield Breach(f"tiers.{tier.name}.slo.wait", what)
