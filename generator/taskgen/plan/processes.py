"""The processes beside the workers: the exporter, and the one beat that sends Celery's schedules."""

from collections.abc import Iterable
from typing import Final

from taskgen.plan.environment import connection
from taskgen.plan.model import EnvVar, ProcessPlan, SchedulePlan, SecretMount, TierPlan
from taskgen.profile.model import Profile

EXPORTER_PORT: Final = 9808
"""`/metrics`, `/livez` and `/scaling/<tier>` of the exporter (monitoring.md 2.2)."""
BEAT_APPLICATION: Final = "task_abstraction.backends.celery.app"
"""Celery application of the library, for applications that have none of their own."""
SCHEDULERS: Final = {
    "redbeat": "redbeat.RedBeatScheduler",
    "database": "django_celery_beat.schedulers:DatabaseScheduler",
}
"""What `backends.celery.scheduler` stands for; any other value is the class itself."""


def exporter(profile: Profile, tiers: Iterable[TierPlan]) -> ProcessPlan:
    """Return the exporter: it reaches every backend that has a tier."""
    backends = list(dict.fromkeys(tier.backend for tier in tiers))
    variables, mounts = _reach(profile, backends)
    if len(backends) == 1:
        variables["TASK_BACKEND_TYPE"] = EnvVar("TASK_BACKEND_TYPE", backends[0])
    return _process(profile, "exporter", ("task-backend-exporter",), variables, mounts, port=EXPORTER_PORT)


def beat(profile: Profile, schedules: Iterable[SchedulePlan]) -> ProcessPlan | None:
    """Return the process that sends Celery's schedules; None where nothing is to be sent."""
    settings = profile.backends.celery
    if settings is None or not any(entry.enabled and entry.backend == "celery" for entry in schedules):
        return None
    variables, mounts = _reach(profile, ["celery"])
    variables["TASK_BACKEND_TYPE"] = EnvVar("TASK_BACKEND_TYPE", "celery")
    # invariants.md C13: both files on the one writable folder of a read-only container; an empty name means no pid file.
    command = ["celery", f"--app={profile.app.celery or BEAT_APPLICATION}", "beat"]
    command += [f"--loglevel={profile.monitoring.log_level}", "--schedule=/tmp/celerybeat-schedule", "--pidfile="]  # noqa: S108  # a tmpfs of the container's own
    if settings.scheduler != "beat":
        command.append(f"--scheduler={SCHEDULERS.get(settings.scheduler, settings.scheduler)}")
    return _process(profile, "beat", tuple(command), variables, mounts, port=None)


def _reach(profile: Profile, backends: Iterable[str]) -> tuple[dict[str, EnvVar], dict[str, SecretMount]]:
    variables: dict[str, EnvVar] = {}
    mounts: dict[str, SecretMount] = {}
    for backend in backends:
        env, files = connection(profile, backend)
        variables |= {variable.name: variable for variable in env}
        mounts |= {mount.name: mount for mount in files}
    return variables, mounts


def _process(
    profile: Profile,
    name: str,
    command: tuple[str, ...],
    variables: dict[str, EnvVar],
    mounts: dict[str, SecretMount],
    *,
    port: int | None,
) -> ProcessPlan:
    common = (
        EnvVar("ENVIRONMENT", profile.environment),
        EnvVar("TASK_LOG_LEVEL", profile.monitoring.log_level),
        EnvVar("TASK_LOG_FORMAT", profile.monitoring.log_format),
    )
    variables = variables | {variable.name: variable for variable in common}
    return ProcessPlan(
        name=name,
        command=command,
        env=tuple(variables[key] for key in sorted(variables)),
        mounts=tuple(mounts[key] for key in sorted(mounts)),
        port=port,
    )
