"""`plan.json`, the rendered plan of one profile: tiers, queues, routes and task policies, without a backend's words."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from task_abstraction.errors import ConfigurationError

SETTINGS_DIR = "TASK_SETTINGS_DIR"
PLAN_VARIABLE = "TASK_PLAN_FILE"
"""The plan alone, for workers of applications that were not written with the library; its folder holds the settings."""
PLAN_FILE = "plan.json"
# Prometheus' own default buckets; used only where no plan gives better ones.
DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TierSettings:
    """What a worker of one tier is told; `task` holds the default policy of its tasks (keys of the plan)."""

    name: str = "default"
    backend: str = ""
    queues: tuple[str, ...] = ()
    concurrency: int = 4
    pool: str = "prefork"
    shutdown: str = "drain"
    grace_s: float = 30.0
    soft_shutdown_s: float | None = None
    prefetch: int | None = None
    disable_prefetch: bool = False
    max_tasks_per_child: int | None = None
    max_memory_per_child_kib: int | None = None
    task: Mapping[str, Any] = field(default_factory=dict)
    duration_buckets: tuple[float, ...] = DEFAULT_BUCKETS
    wait_buckets: tuple[float, ...] = DEFAULT_BUCKETS
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlan:
    """Who serves a queue."""

    backend: str = ""
    tiers: tuple[str, ...] = ()
    dead_letter: bool = True
    """Whether what fails for good is kept."""
    type: str | None = None
    """Type of the queue on RabbitMQ: classic or quorum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePlan:
    """A task that is sent by the clock: `cron` (five fields) or `every_s`."""

    task: str
    cron: str | None = None
    every_s: float | None = None
    timezone: str = "UTC"
    queue: str | None = None
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    expires_s: float | None = None
    priority: int | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPlan:
    """The whole of `plan.json`; the empty plan stands for an application that runs without rendered settings."""

    profile: str = ""
    environment: str = ""
    modules: tuple[str, ...] = ()
    kind: str = "task_abstraction"
    """Whose workers these are: the library's, an existing Celery application's, or those of a command."""
    beat: bool = False
    """whether the profile runs the beat of an existing Celery application"""
    default_queue: str | None = None
    default_backend: str | None = None
    queues: Mapping[str, QueuePlan] = field(default_factory=dict)
    routes: tuple[tuple[str, str], ...] = ()
    tasks: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    tiers: Mapping[str, TierSettings] = field(default_factory=dict)
    schedules: Mapping[str, SchedulePlan] = field(default_factory=dict)

    def route_of(self, task_name: str) -> str | None:
        """Queue of the first route whose glob matches; the plan lists the most specific first."""
        return next((queue for glob, queue in self.routes if fnmatchcase(task_name, glob)), None)

    def knows(self, task_name: str) -> bool:
        """Whether a route or a schedule names the task: a bare `*` names nothing."""
        routed = any(glob.strip("*") and fnmatchcase(task_name, glob) for glob, _ in self.routes)
        return routed or any(schedule.task == task_name for schedule in self.schedules.values())

    def overrides_of(self, task_name: str) -> Mapping[str, Any]:
        """Policy keys that the profile gives to this one task."""
        return next((policy for glob, policy in self.tasks if fnmatchcase(task_name, glob)), {})

    def tiers_of_queue(self, queue: str, backend: str | None = None) -> list[TierSettings]:
        """Tiers that serve a queue, in the order of their names."""
        found = [self.tiers[name] for name in sorted(self.tiers) if queue in self.tiers[name].queues]
        return [tier for tier in found if backend is None or tier.backend == backend]

    def tier_for(
        self, queues: Iterable[str], name: str | None = None, backend: str | None = None
    ) -> TierSettings | None:
        """The tier of a worker: by its name (TASK_TIER), else the only one that serves all of its queues."""
        if name is not None and name in self.tiers:
            return self.tiers[name]
        wanted = set(queues)
        found = [tier for _, tier in sorted(self.tiers.items()) if wanted and wanted <= set(tier.queues)]
        return next((tier for tier in found if backend is None or tier.backend == backend), None)

    def keeps_dead_letters(self, queue: str) -> bool:
        """Whether a queue keeps what fails for good; a queue that the plan does not know does."""
        return queue not in self.queues or self.queues[queue].dead_letter

    def queues_of_backend(self, backend: str) -> list[str]:
        """Every queue of the profile that lives on a backend, sorted."""
        named = {name for name, queue in self.queues.items() if queue.backend == backend}
        return sorted(
            named | {queue for tier in self.tiers.values() if tier.backend == backend for queue in tier.queues}
        )


def _record(cls: type[Any], raw: object, *, source: str, **extra: object) -> Any:  # noqa: ANN401 - one of three dataclasses
    if not isinstance(raw, Mapping):
        raise ConfigurationError(
            f"{source}: expected an object, got {type(raw).__name__}. Render it again", source=source
        )
    names = set(cls.__dataclass_fields__)
    known = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items() if key in names}
    return cls(**{**known, **extra})


def _pairs(raw: Sequence[Sequence[Any]]) -> tuple[tuple[Any, Any], ...]:
    return tuple((glob, value) for glob, value in raw)


def parse_plan(raw: object, *, source: str = PLAN_FILE) -> WorkerPlan:
    """Build the plan from the parsed JSON; keys that this version does not know are ignored.

    Raises:
        ConfigurationError: the JSON is no plan.
    """
    if not isinstance(raw, Mapping):
        raise ConfigurationError(f"{source}: expected an object. Render it again", source=source)
    try:
        plan = _record(
            WorkerPlan,
            raw,
            source=source,
            routes=_pairs(raw.get("routes", ())),
            tasks=_pairs(raw.get("tasks", ())),
            queues={name: _record(QueuePlan, item, source=source) for name, item in raw.get("queues", {}).items()},
            tiers={
                name: _record(TierSettings, item, source=source, name=name)
                for name, item in raw.get("tiers", {}).items()
            },
            schedules={
                name: _record(SchedulePlan, item, source=source) for name, item in raw.get("schedules", {}).items()
            },
        )
    except (TypeError, ValueError, AttributeError) as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(f"{source}: {error}. Render it again", source=source) from error
    assert isinstance(plan, WorkerPlan)  # noqa: S101 - narrows the Any of _record
    return plan


def settings_dir(environ: Mapping[str, str] | None = None) -> Path | None:
    """Folder of the rendered settings, or None when the library runs from the environment alone."""
    source = os.environ if environ is None else environ
    if source.get(SETTINGS_DIR):
        return Path(source[SETTINGS_DIR])
    return Path(source[PLAN_VARIABLE]).parent if source.get(PLAN_VARIABLE) else None


def plan_file(environ: Mapping[str, str] | None = None) -> Path | None:
    """The rendered plan: of TASK_SETTINGS_DIR, or the file that TASK_PLAN_FILE names."""
    source = os.environ if environ is None else environ
    if source.get(SETTINGS_DIR):
        return Path(source[SETTINGS_DIR]) / PLAN_FILE
    return Path(source[PLAN_VARIABLE]) if source.get(PLAN_VARIABLE) else None


def load_plan(folder: Path | None = None) -> WorkerPlan:
    """Read `plan.json` of a folder (default: TASK_SETTINGS_DIR, else TASK_PLAN_FILE); the empty plan without any.

    Raises:
        ConfigurationError: there is no readable plan.
    """
    path = plan_file() if folder is None else folder / PLAN_FILE
    if path is None:
        return WorkerPlan()
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(
            f"{path}: {reason}. Set {SETTINGS_DIR} to a rendered settings folder, or {PLAN_VARIABLE} to a plan",
            source=str(path),
        ) from error
    return parse_plan(raw, source=str(path))


def load_settings_module(name: str, folder: Path | None = None) -> ModuleType | None:
    """Import one rendered settings module (`celeryconfig`, `temporal_settings`, `hatchet_settings`) by its path.

    Returns:
        The module, or None when there is no settings folder or no such file in it.
    """
    folder = folder or settings_dir()
    if folder is None or not (folder / f"{name}.py").is_file():
        return None
    path = folder / f"{name}.py"
    spec = spec_from_file_location(f"_task_settings_{name}", path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path}: cannot be imported", source=str(path))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
