"""How fast an autoscaler may change the size of a tier: windows and policies of both directions."""

from datetime import timedelta
from typing import Final

from taskgen.plan.derivation import derivation
from taskgen.profile.scaling import ScaleStep

UP_PERIOD: Final = timedelta(seconds=30)
UP_PERCENT: Final = 100
UP_PODS: Final = 4
"""Doubling, or four pods, every 30 s, whichever is more ([Scaling 1] and [Scaling 4.1])."""
DOWN_PERIOD: Final = timedelta(seconds=60)
DOWN_PERCENT: Final = 50
"""Halving every minute ([Scaling 1])."""

POLLING: Final = timedelta(seconds=10)
POLLING_HATCHET: Final = timedelta(seconds=15)

Policy = tuple[str, int, timedelta]
"""Type as Kubernetes names it (Percent, Pods), value, and period."""


def _policies(step: ScaleStep, default: tuple[Policy, ...], period: timedelta) -> tuple[Policy, ...]:
    """Return what the profile states, or the default; a stated period alone changes the default's."""
    own = tuple(
        (kind, value, step.period or period)
        for kind, value in (("Percent", step.percent), ("Pods", step.pods))
        if value
    )
    return own or tuple((kind, value, step.period or usual) for kind, value, usual in default)


@derivation(
    formula="0s",
    source="[Scaling 1]: a waiting task is waiting now",
    override="up_window",
)
def scale_up_window() -> timedelta:
    """Stabilisation window before the tier grows."""
    return timedelta()


@derivation(formula="Percent 100 / 30s and Pods 4 / 30s", source="[Scaling 1]; scale.behavior.up replaces it")
def scale_up_policies(*, up_step: ScaleStep) -> tuple[Policy, ...]:
    """Largest growth for each period; the larger one counts."""
    return _policies(up_step, (("Percent", UP_PERCENT, UP_PERIOD), ("Pods", UP_PODS, UP_PERIOD)), UP_PERIOD)


@derivation(
    formula="Pods 1 / 60s if scale_down_slowly, else Percent 50 / 60s",
    source="[Scaling 1], rule K06; scale.behavior.down replaces it",
)
def scale_down_policies(*, down_step: ScaleStep, scale_down_slowly: bool) -> tuple[Policy, ...]:
    """Largest shrinking for each period; the larger one counts."""
    default = ("Pods", 1, DOWN_PERIOD) if scale_down_slowly else ("Percent", DOWN_PERCENT, DOWN_PERIOD)
    return _policies(down_step, (default,), DOWN_PERIOD)


@derivation(formula="hatchet 15s, else 10s", source="[Scaling 4.6]: the engine's limit of requests; 4.1")
def polling_interval(*, backend: str) -> timedelta:
    """Time between two looks of KEDA at the exporter."""
    return POLLING_HATCHET if backend == "hatchet" else POLLING
