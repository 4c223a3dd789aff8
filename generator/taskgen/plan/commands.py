"""The command line of a worker, for each kind of application."""

from collections.abc import Mapping
from typing import Any, Final

from taskgen.profile.application import PLACES
from taskgen.profile.model import Profile
from taskgen.profile.tier import Tier

INTEGRATION: Final = "task_abstraction.integrations.celery"
"""What gives a Celery application health, metrics, logs and dead letters without a change of its code."""
HARD_LIMIT_POOLS: Final = frozenset({"prefork", "gevent"})
"""Pools of Celery that end a task at its limit; gevent does it where the task waits ([Celery 8], measured)."""
KIB: Final = 2**10


def worker_command(
    profile: Profile, name: str, tier: Tier, queues: tuple[str, ...], values: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the whole command line of a worker, exec form.

    Args:
        profile: whose application it is.
        name: of the tier.
        tier: as the profile states it.
        queues: that it serves.
        values: derived values of the tier.
    """
    if profile.app.kind == "command":
        own = (_filled(word, name, queues, values) for word in profile.app.command)
        return (*tier.command_prefix, *own)
    if profile.app.kind == "celery":
        return (*tier.command_prefix, *_celery(profile, name, tier, queues, values))
    return (
        *tier.command_prefix,
        "task-backend-worker",
        # In one word: a queue name may begin with a hyphen.
        f"--queues={','.join(queues)}",
        f"--concurrency={values['concurrency']}",
    )


def _filled(word: str, name: str, queues: tuple[str, ...], values: Mapping[str, Any]) -> str:
    grace = int(values["grace"].total_seconds())
    known = {"tier": name, "queues": ",".join(queues), "concurrency": values["concurrency"], "grace": grace}
    for place in PLACES:
        word = word.replace(f"{{{place}}}", str(known[place]))
    return word


def _celery(
    profile: Profile, name: str, tier: Tier, queues: tuple[str, ...], values: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return Celery's own worker with what its command line can say; `-I` brings the rest ([Celery 5], measured)."""
    flags: dict[str, object] = {
        "queues": ",".join(queues),
        "concurrency": values["concurrency"],
        "pool": values["pool"],
        "prefetch-multiplier": values["prefetch"],
        # Unique for each host: RabbitMQ ends the second worker of a name ([Celery 11]).
        "hostname": f"{name}@%h",
        "loglevel": profile.monitoring.log_level,
    }
    if values["pool"] in HARD_LIMIT_POOLS:
        # For tasks that declare no limits of their own; other pools have none.
        flags["time-limit"] = f"{tier.task.time_limit.total_seconds():g}"
    if values["pool"] == "prefork":
        if tier.task.soft_time_limit is not None:
            flags["soft-time-limit"] = f"{tier.task.soft_time_limit.total_seconds():g}"
        flags["max-tasks-per-child"] = tier.max_tasks_per_child
        flags["max-memory-per-child"] = tier.max_memory_per_child and tier.max_memory_per_child // KIB
    words = [f"--{flag}={value}" for flag, value in flags.items() if value is not None]
    words += ["--optimization=fair"] + (["--disable-prefetch"] if values["disable_prefetch"] else [])
    return ("celery", "--quiet", f"--app={profile.app.celery}", "worker", *words, f"--include={INTEGRATION}")
