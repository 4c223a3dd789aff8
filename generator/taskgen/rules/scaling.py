"""Rules of family K: what the autoscaler reads, its bounds, and how fast it may act."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from taskgen.plan.model import Plan, TierPlan
from taskgen.profile.scalars import format_duration as text
from taskgen.profile.scaling import PrometheusSignal, SqlSignal
from taskgen.rules.engine import Breach, rule
from taskgen.rules.reading import options, scaled

LONGEST_TARGET: Final = 54
"""KEDA names the HPA keda-hpa-<name>: 63 - 9 characters ([Scaling 1], from source)."""


@rule(
    "K06",
    "W/W/E",
    why="running tasks are hit by scale-down",
    reference="[Scaling 3]: simulated",
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
    "K12",
    "W/E/E",
    why="a blind scaler would hold the tier at a size outside of its bounds",
    reference="[Scaling 4.1], measured; keda#5525",
    remedy="set scale.fallback between min and max, or leave it out: it is derived",
)
def fallback_is_within_bounds(plan: Plan) -> Iterator[Breach]:
    """The replicas of a tier whose signal cannot be read are between its bounds."""
    for tier in scaled(plan):
        if not tier.min_replicas <= tier.fallback_replicas <= tier.max_replicas:
            what = f"{tier.fallback_replicas} is not between {tier.min_replicas} and {tier.max_replicas}"
            yield Breach(f"tiers.{tier.name}.scale.fallback", what)


@rule(
    "K15",
    "E/E/E",
    why="KEDA's webhook and the name of its HPA refuse it",
    reference="[Scaling 1], from source",
    remedy="shorten app.name or the tier",
)
def names_fit(plan: Plan) -> Iterator[Breach]:
    """Names of scaled workloads leave room for KEDA's prefix."""
    for tier in scaled(plan):
        name = f"worker-{tier.name}"
        if len(name) > LONGEST_TARGET:
            yield Breach(f"tiers.{tier.name}", f"{name} has {len(name)} characters, {LONGEST_TARGET} are possible")


@rule(
    "K32",
    "N/W/W",
    why="the load of the busiest time cannot be served: the queue grows until the peak is over",
    reference="[Scaling 1]: Rmax",
    remedy="raise scale.max (scale.min where nothing scales), or state a lower load.peak",
)
def peak_can_be_served(plan: Plan) -> Iterator[Breach]:
    """The most replicas carry the peak rate."""
    kubernetes = options(plan, "kubernetes")
    for tier in plan.tiers:
        bound = "min" if kubernetes and kubernetes.autoscaler == "none" else "max"
        capacity = getattr(tier, f"{bound}_replicas") * tier.concurrency
        need = tier.peak * tier.mean_duration.total_seconds()
        if plan.profile.environment != "dev" and capacity < need:
            served = capacity / tier.mean_duration.total_seconds()
            what = f"{capacity} slots serve at most {served:.3g}/s of {tier.peak:.3g}/s"
            yield Breach(f"tiers.{tier.name}.scale.{bound}", what)


@rule(
    "K33",
    "N/N/W",
    why="no reactive autoscaler is fast enough: a step of the load misses the goal for that long",
    reference="[Scaling 1]: step check",
    remedy="loosen slo.wait, raise scale.min, or add a schedule for the busy hours",
)
def goal_leaves_time_to_react(plan: Plan) -> Iterator[Breach]:
    """The wait goal is longer than the reaction of the autoscaler, or the fewest replicas carry the peak."""
    for tier in scaled(plan):
        enough = tier.min_replicas * tier.concurrency >= tier.peak * tier.mean_duration.total_seconds()
        if tier.step_misses_goal and not enough:
            what = f"{text(tier.wait_goal)} is shorter than the {text(tier.reaction_latency)} that scaling needs"
            yield Breach(f"tiers.{tier.name}.slo.wait", what)


def _unreadable(tier: TierPlan, autoscaler: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, fault and remedy of what an autoscaler cannot act on."""
    at = f"tiers.{tier.name}.scale"
    schedules = any(tier.profile.scale.schedules.values())
    prometheus = any(isinstance(signal, PrometheusSignal) for signal in tier.signals)
    if any(isinstance(signal, SqlSignal) for signal in tier.signals):
        remedy = "export the number as a metric and use a prometheus signal"
        yield f"{at}.signals", "sql is read by no rendered autoscaler", remedy
    if autoscaler == "hpa" and prometheus:
        yield f"{at}.signals", "a query of your own is read by KEDA alone", "use autoscaler: keda, or remove it"
    if autoscaler != "keda" and schedules:
        yield f"{at}.schedules", "windows of the week are KEDA's", "use autoscaler: keda, or remove them"
    if autoscaler != "keda" and tier.min_replicas == 0:
        what = "an HPA cannot start from zero" if autoscaler == "hpa" else "nothing starts a tier of no replicas"
        yield f"{at}.min", what, "set scale.min to 1, or use autoscaler: keda"
    if autoscaler == "none" and isinstance(tier.profile.scale.max, int) and tier.autoscaled:
        what = f"nothing scales the tier beyond its {tier.min_replicas} replicas"
        yield f"{at}.max", what, "use autoscaler: keda or hpa, or set scale.min to the size that the peak needs"


@rule(
    "U09",
    "E/E/E",
    why="a signal that nobody reads looks as if the tier scaled on it",
    reference="[Scaling 4] and [Scaling 5]",
    remedy="remove it, or use targets.kubernetes.autoscaler: keda",
)
def autoscaler_can_act(plan: Plan) -> Iterator[Breach]:
    """The chosen autoscaler can read every signal, keep every window, and reach every bound of a tier."""
    kubernetes = options(plan, "kubernetes")
    if kubernetes is None:
        return
    for tier in plan.tiers:
        if tier.autoscaled or tier.profile.scale.schedules or tier.min_replicas == 0:
            for path, what, remedy in _unreadable(tier, kubernetes.autoscaler):
                yield Breach(path, what, remedy)
