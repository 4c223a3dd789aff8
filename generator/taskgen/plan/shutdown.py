"""One model of a stop: drain or cut, and every time that follows from it."""

from datetime import timedelta
from typing import Final

from taskgen.plan.derivation import derivation

CELERY_MARGIN: Final = timedelta(seconds=15)
"""What Celery needs after its last task ([Celery 3]; cut with 5 s exited after 6.5 to 7.4 s, measured)."""
ENGINE_MARGIN: Final = timedelta(seconds=30)
"""The same for Temporal and Hatchet ([Temporal 10], [Hatchet 6]: exit about 4 s after the last task, measured)."""
CUT_SOFT: Final = timedelta(seconds=10)
"""Time that running tasks still get in a cut where the profile states none: enough to end a short one."""
NO_TIME: Final = timedelta()


@derivation(
    formula="celery, cut: 10s, else none",
    source="[Celery 3]: worker_soft_shutdown_timeout acts only with REMAP_SIGTERM, measured",
    override="typed_soft",
)
def soft_shutdown(*, backend: str, shutdown_mode: str) -> timedelta | None:
    """Time that running tasks get in a cut of a Celery worker."""
    return CUT_SOFT if backend == "celery" and shutdown_mode == "cut" else None


@derivation(formula="SIGQUIT for celery and cut, else none", source="[Celery 3]: 6.5 s against 31 s, measured")
def remap_sigterm(*, backend: str, shutdown_mode: str) -> str | None:
    """Value of REMAP_SIGTERM."""
    return "SIGQUIT" if backend == "celery" and shutdown_mode == "cut" else None


@derivation(
    formula="temporal: time_limit to drain, 10s (or shutdown.soft) to cut; else none",
    source="[Temporal 10]: the default 0 cancels running activities at once",
)
def graceful_shutdown(
    *, backend: str, shutdown_mode: str, time_limit: timedelta, typed_soft: timedelta | None
) -> timedelta | None:
    """`graceful_shutdown_timeout` of a Temporal worker."""
    if backend != "temporal":
        return None
    return time_limit if shutdown_mode == "drain" else (typed_soft or CUT_SOFT)


@derivation(
    formula="celery: (time_limit to drain, soft_shutdown to cut) + 15s; temporal: graceful_shutdown + 30s;"
    " hatchet: time_limit + 30s",
    source="rule C04, T01, H02",
    override="typed_grace",
)
def grace(
    *,
    backend: str,
    shutdown_mode: str,
    time_limit: timedelta,
    soft_shutdown: timedelta | None,
    graceful_shutdown: timedelta | None,
) -> timedelta:
    """Time from SIGTERM until the platform kills the worker."""
    if backend == "celery":
        return ((soft_shutdown or NO_TIME) if shutdown_mode == "cut" else time_limit) + CELERY_MARGIN
    if backend == "temporal":
        return (graceful_shutdown or NO_TIME) + ENGINE_MARGIN
    return time_limit + ENGINE_MARGIN
