"""Rules of family K on monitoring: alerts that can fire."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from taskgen.plan.model import Plan
from taskgen.profile.scalars import format_duration as text
from taskgen.rules.engine import Breach, rule
from taskgen.rules.reading import options

BURN: Final = 14.4
"""Factor of the fastest burn-rate alert (SRE workbook, chapter 5)."""


@rule(
    "K18",
    "E/E/E",
    why="the alert judges by a single scrape, or its windows hold too few of them: it fires by chance, or never",
    reference="[Monitoring 3]: for >= 2 x scrape interval",
    remedy="shorten monitoring.scrape_interval",
)
def scrapes_are_frequent_enough(plan: Plan) -> Iterator[Breach]:
    """Every waiting time of an alert covers at least two scrapes."""
    holds = [alert.hold for tier in plan.rules.tiers for alert in tier.alerts if alert.hold > timedelta()]
    interval = plan.profile.monitoring.scrape_interval
    if plan.profile.monitoring.alerts.enabled and holds and 2 * interval > min(holds):
        what = f"two scrapes take {text(2 * interval)}, the shortest alert waits {text(min(holds))}"
        yield Breach("monitoring.scrape_interval", what)


@rule(
    "K21",
    "E/E/E",
    why="the burn-rate alert can never fire: its threshold is above 100%",
    reference="[Monitoring 6]",
    remedy="raise slo.success above 93.06%",
)
def burn_rates_can_fire(plan: Plan) -> Iterator[Breach]:
    """The threshold of the fastest burn-rate alert is below one."""
    for tier in plan.tiers:
        if plan.profile.monitoring.alerts.enabled and BURN * (1 - tier.success) >= 1:
            yield Breach(f"tiers.{tier.name}.slo.success", f"14.4 x (1 - {tier.success:.2%}) is 1 or more")


@rule(
    "S17",
    "N/W/E",
    why="tokens end (of Hatchet after 90 days) and certificates too: no worker starts, and no task can be sent",
    reference="[Hatchet 7]: lifetime of a token, from source",
    remedy="render the alert: monitoring.alerts.enabled, and target prometheus, or kubernetes with monitoring.operator",
)
def ends_of_credentials_are_told(plan: Plan) -> Iterator[Breach]:
    """Tokens of Hatchet and certificates for Temporal have an alert before they end."""
    monitoring, kubernetes = plan.profile.monitoring, options(plan, "kubernetes")
    for backend in dict.fromkeys(expiry.backend for expiry in plan.rules.expiries):
        what = f"nobody is told before the credentials of {backend} end"
        if not monitoring.alerts.enabled:
            yield Breach("monitoring.alerts.enabled", f"{what}: no alert is rendered")
        elif options(plan, "prometheus") is None and not (kubernetes and monitoring.operator):
            yield Breach("targets", f"{what}: no target renders alerts")
