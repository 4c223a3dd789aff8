"""The plan's schedules as Celery's beat schedule."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from celery import signals
from celery.schedules import crontab, schedule

from task_abstraction.config import SchedulePlan, WorkerPlan
from task_abstraction.errors import ConfigurationError

SCHEDULE_HEADER = "x-taskgen-schedule"
CRON_FIELDS = 5


class ZonedCrontab(crontab):
    """A crontab in a time zone of its own: Celery's follows the zone of the application."""

    def __init__(self, *fields: str, zone: str = "UTC", **options: Any) -> None:  # noqa: ANN401 - Celery's
        self.zone = zone
        super().__init__(*fields, **options)

    @property
    def tz(self) -> tzinfo:  # type: ignore[override]  # celery-types says str, Celery says tzinfo
        """The zone in which the fields are read."""
        return ZoneInfo(self.zone)

    def __reduce__(self) -> Any:  # noqa: ANN401 - beat's schedule file keeps it
        """Keep the zone in beat's schedule file."""
        reduced: Any = super().__reduce__()
        return reduced[0], reduced[1], {**(reduced[2] or {}), "zone": self.zone}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore from beat's schedule file."""
        self.zone = state.pop("zone", "UTC")
        super().__setstate__(state)  # type: ignore[misc]  # absent from celery-types

    def __eq__(self, other: object) -> bool:
        """Two crontabs are one when fields and zone are."""
        return bool(super().__eq__(other)) and getattr(other, "zone", None) == self.zone

    __hash__ = None  # type: ignore[assignment]


def _key(name: str) -> str:
    return f"task-abstraction-schedule-{name}"


def record_sends(app: Any) -> None:  # noqa: ANN401 - a Celery application
    """Store when each schedule was last sent, in the result store: the canary of a beat that died in silence."""

    def sent(headers: Mapping[str, Any] | None = None, **_: object) -> None:
        name = (headers or {}).get(SCHEDULE_HEADER)
        if name is not None and hasattr(app.backend, "set"):
            app.backend.set(_key(str(name)), f"{time.time():.3f}")

    signals.after_task_publish.connect(sent, weak=False)


def last_sends(app: Any, names: Sequence[str]) -> Mapping[str, float]:  # noqa: ANN401 - a Celery application
    """Unix time of the last send of each schedule that was ever sent."""
    if not hasattr(app.backend, "get"):
        return {}
    stored = {name: app.backend.get(_key(name)) for name in names}
    return {name: float(value) for name, value in stored.items() if value is not None}


def _when(name: str, plan: SchedulePlan) -> Any:  # noqa: ANN401 - a Celery schedule
    if plan.every_s is not None:
        return schedule(run_every=plan.every_s)
    fields = (plan.cron or "").split()
    if len(fields) != CRON_FIELDS:
        raise ConfigurationError(f"schedule '{name}': cron '{plan.cron}' needs 5 fields. Render it again", source=name)
    minute, hour, day_of_month, month_of_year, day_of_week = fields
    return ZonedCrontab(minute, hour, day_of_week, day_of_month, month_of_year, zone=plan.timezone)


def beat_schedule(plan: WorkerPlan, queue_for: Callable[[str], str], *, backend: str) -> Mapping[str, dict[str, Any]]:
    """Entries of every enabled schedule whose queue lives on this backend."""
    entries: dict[str, dict[str, Any]] = {}
    for name, item in plan.schedules.items():
        queue = item.queue or queue_for(item.task)
        owner = plan.queues[queue].backend if queue in plan.queues else plan.default_backend or backend
        if not item.enabled or owner != backend:
            continue
        options: dict[str, Any] = {"queue": queue, "headers": {SCHEDULE_HEADER: name}}
        if item.expires_s is not None:
            options["expires"] = item.expires_s
        if item.priority is not None:
            options["priority"] = item.priority
        entries[name] = {
            "task": item.task,
            "schedule": _when(name, item),
            "args": list(item.args),
            "kwargs": dict(item.kwargs),
            "options": options,
        }
    return entries
