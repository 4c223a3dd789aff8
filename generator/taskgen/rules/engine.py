"""The mechanism of rules: one function each, with id, severity by environment, reason, reference and remedy."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType

from taskgen.errors import Position, place
from taskgen.plan.model import Plan

ENVIRONMENTS = ("dev", "staging", "prod")


class Severity(StrEnum):
    """How bad a finding is: an error stops render."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


_LETTERS = {"E": Severity.ERROR, "W": Severity.WARNING, "N": Severity.NOTE, "-": None}


@dataclass(frozen=True, slots=True)
class Breach:
    """A place where a rule does not hold: the path in the profile, and what is wrong there."""

    path: str
    what: str
    remedy: str | None = None
    """replaces the rule's own remedy where this breach needs another one"""


Check = Callable[[Plan], Iterable[Breach]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One invariant of the catalogue (docs/rules.md)."""

    id: str
    severity: Mapping[str, Severity | None]
    """by environment; None: not checked"""
    statement: str
    why: str
    reference: str
    remedy: str
    check: Check


@dataclass(frozen=True, slots=True)
class Finding:
    """A breach of a rule, with its place and the reason why it was waived, if it was."""

    rule: str
    severity: Severity
    path: str
    position: Position
    what: str
    why: str
    remedy: str
    waived: str | None = None

    def __str__(self) -> str:
        waived = f" (waived: {self.waived})" if self.waived else ""
        return f"{place(self.position, self.path)}: {self.severity} {self.rule} {self.what}; {self.remedy}{waived}"


def rule(id: str, severity: str, *, why: str, reference: str, remedy: str) -> Callable[[Check], Rule]:  # noqa: A002  # its name everywhere
    """Declare a rule.

    Args:
        id: stable identifier of the catalogue.
        severity: letters for dev/staging/prod such as `N/W/E`; E error, W warning, N note, - not checked.
        why: what it prevents.
        reference: measurement, document or issue behind it.
        remedy: what to do, in the imperative.
    """
    letters = dict(zip(ENVIRONMENTS, (_LETTERS[letter] for letter in severity.split("/")), strict=True))

    def declare(check: Check) -> Rule:
        statement = (check.__doc__ or "").strip().splitlines()[0].rstrip(".")
        return Rule(id, letters, statement, why, reference, remedy, check)

    return declare


def collect(*modules: ModuleType) -> tuple[Rule, ...]:
    """Return the rules of some modules, sorted by id.

    Raises:
        ValueError: two rules have one id.
    """
    found = sorted(
        (value for module in modules for value in vars(module).values() if isinstance(value, Rule)), key=lambda r: r.id
    )
    ids = [entry.id for entry in found]
    if len(set(ids)) != len(ids):
        raise ValueError(f"a rule id is used twice: {sorted(one for one in ids if ids.count(one) > 1)}")
    return tuple(found)


def run(rules: Iterable[Rule], plan: Plan, *, position: Callable[[str], Position]) -> Iterator[Finding]:
    """Yield the findings of a plan.

    Args:
        rules: what is checked.
        plan: the plan; its profile says the environment and the waivers.
        position: gives the place of a path in the profile files.
    """
    for entry in rules:
        severity = entry.severity[plan.profile.environment]
        if severity is None:
            continue
        for breach in entry.check(plan):
            yield Finding(
                rule=entry.id,
                severity=severity,
                path=breach.path,
                position=position(breach.path),
                what=breach.what,
                why=entry.why,
                remedy=breach.remedy or entry.remedy,
                waived=plan.profile.waivers.get(entry.id),
            )
