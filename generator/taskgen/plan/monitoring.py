"""What alert rules and their tests consist of; no knowledge of tiers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recording rule."""

    record: str
    expr: str
    long: bool
    """whether it belongs to the group that is evaluated every five minutes"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert of one tier, and the scenario of the rule tests in which it must fire."""

    alert: str
    expr: str
    hold: timedelta
    severity: str
    summary: str
    runbook: str
    """address of the runbook's section"""
    scenario: str
    """name of the scenario in which it fires; in `healthy` it must be silent"""
    tier: str
    priority: str
    kept: Mapping[str, str] = field(default_factory=dict)
    """labels of the firing series in its test, besides namespace and tier"""


@dataclass(frozen=True, slots=True)
class Series:
    """One input series of a promtool test."""

    series: str
    values: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What one alert does in a scenario: its firing labels, or nothing."""

    alert: str
    labels: tuple[Mapping[str, str], ...]
    summaries: tuple[str, ...]
    runbooks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A situation of the whole fleet, sampled every minute."""

    name: str
    minutes: int
    series: tuple[Series, ...]
    expected: tuple[Expected, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRules:
    """The rules of one tier."""

    tier: str
    recordings: tuple[Recording, ...]
    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """One alert on the end of a backend's credentials."""

    alert: str
    backend: str
    expr: str
    severity: str
    summary: str
    runbook: str
    """address of the runbook's section"""
    left: int
    """seconds before the end below which it fires"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesPlan:
    """All rules of a profile, and the scenarios of their tests."""

    blind: Mapping[str, str]
    """by backend: the expression that holds while its exporter is away or cannot read the broker"""
    expiries: tuple[Expiry, ...]
    tiers: tuple[TierRules, ...]
    scenarios: tuple[Scenario, ...]
    runbook: str
