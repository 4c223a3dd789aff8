"""All rules; the one function of this layer that others call."""

from collections.abc import Callable
from typing import Final

from taskgen.errors import Position
from taskgen.plan.model import Plan
from taskgen.rules import celery, hatchet, kubernetes, platform, rabbitmq, redis, security, temporal, usage
from taskgen.rules.engine import Finding, Rule, Severity, collect, run

RULES: Final[tuple[Rule, ...]] = collect(
    celery, redis, rabbitmq, temporal, hatchet, kubernetes, platform, security, usage
)
"""Sorted by id."""

_ORDER: Final = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


def check(plan: Plan, *, position: Callable[[str], Position]) -> tuple[Finding, ...]:
    """Return the findings of a plan: errors first, then by place.

    Args:
        plan: what is checked.
        position: gives the place of a path in the profile files.
    """
    findings = run(RULES, plan, position=position)
    return tuple(
        sorted(findings, key=lambda f: (f.waived is not None, _ORDER[f.severity], f.position, f.rule, f.path, f.what))
    )


def blocks(findings: tuple[Finding, ...]) -> bool:
    """Say whether findings stop render: an error that is not waived."""
    return any(finding.severity is Severity.ERROR and finding.waived is None for finding in findings)
