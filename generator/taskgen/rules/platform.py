"""Rules of family P: limits of the platforms, as their target.yaml states them."""

from collections.abc import Iterator

from taskgen.plan.model import Plan
from taskgen.profile.scalars import format_duration as text
from taskgen.rules.engine import Breach, rule


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
