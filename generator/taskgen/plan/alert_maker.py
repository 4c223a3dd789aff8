"""What every alert of a tier has in common: priority, runbook, and how a threshold is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from taskgen.plan.model import TierPlan
from taskgen.plan.monitoring import Alert

MINUTE: Final = timedelta(minutes=1)
NO_TIME: Final = timedelta()


def number(value: float) -> str:
    """Return a threshold as PromQL writes it, without binary noise."""
    return f"{round(value, 10):.10g}"


@dataclass(frozen=True, slots=True)
class AlertMaker:
    """Makes the alerts of one tier; most of them fire in the scenario `burning`."""

    tier: TierPlan
    runbooks: str

    def __call__(  # the parts of an alert
        self,
        name: str,
        expr: str,
        *,
        summary: str,
        section: str,
        hold: timedelta = NO_TIME,
        severity: str = "page",
        scenario: str = "burning",
        kept: Mapping[str, str] | None = None,
    ) -> Alert:
        """Make one alert; `section` is that of the runbook, `kept` are labels of its series in the rule tests."""
        return Alert(
            alert=name,
            expr=expr,
            hold=hold,
            severity=severity,
            summary=summary,
            runbook=f"{self.runbooks}#{section}",
            scenario=scenario,
            tier=self.tier.name,
            priority=self.tier.profile.priority,
            kept=kept or {},
        )
