"""The processes beside the workers: the exporters, and the one beat that sends Celery's schedules."""

import math
from collections.abc import Iterable
from typing import Final

from taskgen.plan.environment import connection, own_env
from taskgen.plan.model import EnvVar, ProcessPlan, SchedulePlan, SecretMount, TierPlan
from taskgen.plan.sizing import APP_MEMORY, BASE_MEMORY, MEMORY_STEP, MIB, SAFETY
from taskgen.profile.model import Profile

EXPORTER_PORT: Final = 9808
"""`/metrics`, `/livez` and `/scaling/<tier>` of the exporter ([Monitoring 2.2])."""
BEAT_APPLICATION: Final = "task_abstraction.backends.celery.app"
"""Celery application of the library, for applications that have none of their own."""
PLAN_SCHEDULER: Final = "task_abstraction.integrations.celery_beat:PlanScheduler"
"""Celery's own scheduler, which adds the schedules of the profile to those of an existing application."""
BEAT_FILE: Final = "/tmp/celerybeat-schedule"  # noqa: S108  # a folder of the container's own
"""rule C13: on the one writable folder of a read-only container (onyx#13439, dify#28530)."""
BEAT_INTERVAL: Final = 60
"""Longest sleep of beat (s). It writes its file at the end of the first sleep after 180 s, so at most 240 s later; with
its own 300 s that can be 480 s, and the probe, which asks five times a minute apart, would end a beat that is well."""
SCHEDULERS: Final = {
    "redbeat": "redbeat.RedBeatScheduler",
    "database": "django_celery_beat.schedulers:DatabaseScheduler",
}
"""What `backends.celery.scheduler` stands for; any other value is the class itself."""
CPU: Final = 50
"""Thousandths of a core: both processes wait most of the time ([Kubernetes 6])."""
LEAST_MEMORY: Final = 128 * MIB
"""A small Python process with room for a burst; beat took 192Mi in the reviewed example ([Kubernetes 6])."""


def exporter(profile: Profile, tiers: Iterable[TierPlan]) -> ProcessPlan:
    """Return the one exporter that reaches every backend that has a tier (Compose)."""
    backends = tuple(dict.fromkeys(tier.backend for tier in tiers))
    variables, mounts = _reach(profile, backends)
    if len(backends) == 1:
        variables["TASK_BACKEND_TYPE"] = EnvVar("TASK_BACKEND_TYPE", backends[0])
    return _process(profile, "exporter", ("task-backend-exporter",), variables, mounts, backends, port=EXPORTER_PORT)


def exporters(profile: Profile, tiers: Iterable[TierPlan]) -> tuple[ProcessPlan, ...]:
    """Return one exporter for each backend that has a tier, so that an outage of one blinds no other (Kubernetes)."""
    backends = tuple(dict.fromkeys(tier.backend for tier in tiers))
    found = []
    for backend in sorted(backends):
        variables, mounts = _reach(profile, (backend,))
        variables["TASK_BACKEND_TYPE"] = EnvVar("TASK_BACKEND_TYPE", backend)
        name = "task-backend-exporter" if len(backends) == 1 else f"task-backend-exporter-{backend}"
        command = ("task-backend-exporter", f"--port={EXPORTER_PORT}")
        found.append(_process(profile, name, command, variables, mounts, (backend,), port=EXPORTER_PORT))
    return tuple(found)


def beat(profile: Profile, schedules: Iterable[SchedulePlan]) -> ProcessPlan | None:
    """Return the process that sends Celery's schedules; None where nothing is to be sent."""
    settings = profile.backends.celery
    planned = any(entry.enabled and entry.backend == "celery" for entry in schedules)
    own = profile.app.kind == "celery"
    if settings is None or not (planned or (own and profile.app.beat)):
        return None
    variables, mounts = _reach(profile, ("celery",))
    variables = {variable.name: variable for variable in own_env(profile, None)} | variables
    if not own:
        variables["TASK_BACKEND_TYPE"] = EnvVar("TASK_BACKEND_TYPE", "celery")
        if profile.app.module:
            variables["TASK_MODULES"] = EnvVar("TASK_MODULES", profile.app.module)
    # An empty name means no pid file: the default one lies beside the code, which is read-only.
    command = ["celery", f"--app={profile.app.celery if own else BEAT_APPLICATION}", "beat"]
    command += [f"--loglevel={profile.monitoring.log_level}", "--pidfile="]
    on_file = settings.scheduler == "beat"
    if on_file:
        command += [f"--schedule={BEAT_FILE}", f"--max-interval={BEAT_INTERVAL}"]
        if own and planned:
            command.append(f"--scheduler={PLAN_SCHEDULER}")
    else:
        command.append(f"--scheduler={SCHEDULERS.get(settings.scheduler, settings.scheduler)}")
    application = APP_MEMORY if profile.app.memory is None else profile.app.memory
    return _process(
        profile,
        "beat",
        tuple(command),
        variables,
        mounts,
        ("celery",),
        application=application,
        file=BEAT_FILE if on_file else None,
        logs=not own,
    )


def _reach(profile: Profile, backends: Iterable[str]) -> tuple[dict[str, EnvVar], dict[str, SecretMount]]:
    variables: dict[str, EnvVar] = {}
    mounts: dict[str, SecretMount] = {}
    for backend in backends:
        env, files = connection(profile, backend)
        variables |= {variable.name: variable for variable in env}
        mounts |= {mount.name: mount for mount in files}
    return variables, mounts


def _process(  # noqa: PLR0913  # the parts of one process
    profile: Profile,
    name: str,
    command: tuple[str, ...],
    variables: dict[str, EnvVar],
    mounts: dict[str, SecretMount],
    backends: tuple[str, ...],
    *,
    port: int | None = None,
    application: int = 0,
    file: str | None = None,
    logs: bool = True,
) -> ProcessPlan:
    common = [EnvVar("ENVIRONMENT", profile.environment)]
    if logs:  # the library writes them
        common.append(EnvVar("TASK_LOG_LEVEL", profile.monitoring.log_level))
        common.append(EnvVar("TASK_LOG_FORMAT", profile.monitoring.log_format))
    variables = variables | {variable.name: variable for variable in common}
    # 1.2 x (idle process + application), in steps of 16Mi, as for the workers.
    need = SAFETY * (max(BASE_MEMORY[backend] for backend in backends) + application)
    return ProcessPlan(
        name=name,
        backends=backends,
        command=command,
        env=tuple(variables[key] for key in sorted(variables)),
        mounts=tuple(mounts[key] for key in sorted(mounts)),
        port=port,
        cpu=CPU,
        memory=max(LEAST_MEMORY, math.ceil(need / MEMORY_STEP) * MEMORY_STEP),
        egress=tuple(
            name for backend in backends for name in (("broker", "results") if backend == "celery" else (backend,))
        ),
        file=file,
    )
