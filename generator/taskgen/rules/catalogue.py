"""All rules; the one function of this layer that others call."""

from collections.abc import Callable, Iterator
from typing import Final

from taskgen.errors import Position
from taskgen.plan.model import Plan
from taskgen.rules import (
    capabilities,
    capacity,
    celery,
    celery_pool,
    celery_queues,
    celery_settings,
    cluster,
    command,
    environment,
    hatchet,
    kinds,
    kubernetes,
    monitoring,
    network,
    platform,
    pods,
    rabbitmq,
    redis,
    redis_server,
    scaling,
    security,
    temporal,
    usage,
)
from taskgen.rules.across import ACROSS
from taskgen.rules.engine import Breach, Finding, Rule, Severity, collect, rule, run
from taskgen.rules.guaranteed import ASKED_AGAIN, GUARANTEED
from taskgen.rules.pending import PENDING

MODULES: Final = (
    capabilities,
    capacity,
    celery,
    celery_pool,
    celery_queues,
    celery_settings,
    cluster,
    command,
    environment,
    hatchet,
    kinds,
    kubernetes,
    monitoring,
    network,
    platform,
    pods,
    rabbitmq,
    redis,
    redis_server,
    scaling,
    security,
    temporal,
    usage,
)


@rule(
    "U06",
    "W/W/W",
    why="a waiver without its finding hides the next one of that rule",
    reference="docs/rules.md: waiving a rule",
    remedy="remove the waiver, or correct its id: `taskgen rules` lists them",
)
def waivers_name_rules(plan: Plan) -> Iterator[Breach]:
    """Every waiver names a rule that can find something."""
    known = {entry.id for entry in ALL_RULES}
    for name in plan.profile.waivers:
        if name in ASKED_AGAIN:
            continue
        if name in GUARANTEED:
            yield Breach(f"waivers.{name}", f"{name} always holds: {GUARANTEED[name].how}", "remove the waiver")
        elif name in PENDING:
            yield Breach(f"waivers.{name}", f"{name} comes with {PENDING[name].comes_with}", "remove the waiver")
        elif name not in known:
            yield Breach(f"waivers.{name}", f"there is no rule {name}")


RULES: Final[tuple[Rule, ...]] = tuple(sorted((*collect(*MODULES), waivers_name_rules), key=lambda entry: entry.id))
"""What is asked of one profile, sorted by id."""
ALL_RULES: Final[tuple[Rule, ...]] = tuple(
    sorted((*RULES, *(entry.rule for entry in ACROSS)), key=lambda entry: entry.id)
)
"""And what is asked of several."""

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
