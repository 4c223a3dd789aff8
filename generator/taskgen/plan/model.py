"""The Plan: everything that artifacts are made of, frozen, with the trail of every derived value."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from taskgen.plan.derivation import Trail
from taskgen.plan.monitoring import RulesPlan
from taskgen.profile.base import SecretKey
from taskgen.profile.model import Profile
from taskgen.profile.tier import Tier

if TYPE_CHECKING:
    from taskgen.plan.pod import PodPlan


@dataclass(frozen=True, slots=True)
class EnvVar:
    """One variable of a worker's environment: a plain value, or a reference to a secret."""

    name: str
    value: str | None = None
    secret: SecretKey | None = None


@dataclass(frozen=True, slots=True)
class SecretMount:
    """A secret that the worker reads as files."""

    name: str
    """name of the volume"""
    secret: str
    """name of the secret object"""
    path: str
    """folder inside the container"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """Effective policy of the tasks that one glob of `tasks:` names; None means the tier decides."""

    glob: str
    policy: Mapping[str, Any]
    """keys of `plan.json`: time_limit_s, max_attempts, acks_late, ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierPlan:
    """One tier with everything derived for it.

    Derived values are attributes by the names of their derivations (`tier.grace`, `tier.memory_limit`); facts of
    the profile are attributes by the names of `plan.facts` (`tier.time_limit`).
    """

    name: str
    backend: str
    profile: Tier
    """the tier as the profile states it"""
    queues: tuple[str, ...]
    command: tuple[str, ...]
    env: tuple[EnvVar, ...]
    mounts: tuple[SecretMount, ...]
    health_port: int
    """serves /livez, /readyz, /startupz and our own /metrics"""
    sdk_metrics_port: int | None
    """serves the metrics of the backend's SDK, if it has a server of its own"""
    pod: "PodPlan"
    """what the profile says about its pod, merged"""
    facts: Mapping[str, Any]
    values: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # each value has its own type
        """Return a derived value, or a fact, by name."""
        for values in (self.values, self.facts):
            if name in values:
                return values[name]
        raise AttributeError(f"the plan of a tier has no value {name!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlan:
    """One queue and who serves it."""

    name: str
    backend: str
    tiers: tuple[str, ...]
    tasks: tuple[str, ...]
    """globs that are routed to it"""
    dead_letter: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePlan:
    """One schedule with its defaults filled in."""

    name: str
    task: str
    cron: str | None
    every: timedelta | None
    timezone: str
    queue: str
    backend: str
    priority: int | None
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    expires: timedelta
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressPlan:
    """A destination that network policies open."""

    name: str
    ports: tuple[int, ...]
    namespace: str | None
    pod_labels: Mapping[str, str]
    cidr: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPlan:
    """A process beside the workers, which exists exactly once."""

    name: str
    """of its objects and services"""
    backends: tuple[str, ...]
    """which it reaches"""
    command: tuple[str, ...]
    env: tuple[EnvVar, ...]
    mounts: tuple[SecretMount, ...]
    port: int | None
    """where it serves metrics and health, if it does"""
    cpu: int
    """request, in thousandths of a core"""
    memory: int
    """request and limit, in bytes"""
    egress: tuple[str, ...]
    """names of the destinations in `plan.egress` that it needs"""
    file: str | None
    """the file whose age tells that it lives"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All derived values of a profile with their reasons.

    Values of the whole profile are attributes by the names of their derivations (`plan.visibility_timeout`).
    """

    profile: Profile
    tiers: tuple[TierPlan, ...]
    """by priority, then by name"""
    queues: tuple[QueuePlan, ...]
    routes: tuple[tuple[str, str], ...]
    """task glob and queue, the most specific glob first"""
    tasks: tuple[TaskPlan, ...]
    """the most specific glob first"""
    schedules: tuple[SchedulePlan, ...]
    egress: tuple[EgressPlan, ...]
    exporter: ProcessPlan
    """one for all backends (Compose)"""
    exporters: tuple[ProcessPlan, ...]
    """one for each backend that has a tier (Kubernetes)"""
    beat: ProcessPlan | None
    """where Celery has schedules"""
    pod: "PodPlan"
    """of exporters and beat"""
    settings_folder: str
    """where every process finds the rendered settings"""
    celery: Mapping[str, Any] | None
    """settings of celeryconfig.py, without addresses"""
    rules: RulesPlan
    """alert and recording rules, with the scenarios of their tests"""
    grace_limits: Mapping[str, timedelta]
    """longest grace of each rendered target that has a limit"""
    values: Mapping[str, Any]
    trails: Mapping[str, Trail]
    """by path: `tiers.high.grace`, `visibility_timeout`"""

    def tier(self, name: str) -> TierPlan:
        """Return a tier by name.

        Raises:
            KeyError: no such tier.
        """
        for tier in self.tiers:
            if tier.name == name:
                return tier
        raise KeyError(name)

    @property
    def priorities(self) -> tuple[str, ...]:
        """The distinct priorities of the tiers, the highest first."""
        return tuple(dict.fromkeys(tier.profile.priority for tier in self.tiers))

    @property
    def backends(self) -> tuple[str, ...]:
        """The backends that have a tier, in the order of the schema."""
        return tuple(name for name in self.profile.backends.names() if any(tier.backend == name for tier in self.tiers))

    def exporter_of(self, backend: str) -> ProcessPlan:
        """Return the exporter that reads a backend."""
        return next(exporter for exporter in self.exporters if backend in exporter.backends)

    def tiers_of(self, backend: str) -> tuple[TierPlan, ...]:
        """Return the tiers of one backend."""
        return tuple(tier for tier in self.tiers if tier.backend == backend)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # each value has its own type
        """Return a derived value of the whole profile by name."""
        if name in self.values:
            return self.values[name]
        raise AttributeError(f"the plan has no value {name!r}")
