"""The plan as the runtime library reads it: `plan.json`, without a backend's words and without a secret."""

from datetime import timedelta
from typing import Any

from taskgen.plan.build import policy_values, retry_values
from taskgen.plan.model import Plan, QueuePlan, SchedulePlan, TierPlan


def _seconds(value: timedelta | None) -> int | float | None:
    if value is None:
        return None
    seconds = value.total_seconds()
    return int(seconds) if seconds == int(seconds) else seconds


def _numbers(values: dict[str, Any]) -> dict[str, Any]:
    """Write whole numbers without a fraction, so that the document does not depend on how they were computed."""
    return {
        key: int(value) if isinstance(value, float) and value == int(value) else value for key, value in values.items()
    }


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the document of the whole profile. Pure; keys and units are those of `task_abstraction.config.plan`."""
    profile = plan.profile
    foreign: dict[str, Any] = {} if profile.app.kind == "task_abstraction" else {"kind": profile.app.kind}
    if profile.app.kind == "celery":
        # Only an application that may have schedules of its own has to know whether a beat is deployed.
        foreign["beat"] = plan.beat is not None
    return {
        "profile": profile.name,
        "environment": profile.environment,
        **foreign,
        "modules": [profile.app.module] if profile.app.module and profile.app.kind == "task_abstraction" else [],
        "default_queue": profile.default_queue,
        "default_backend": _default_backend(plan),
        "queues": {queue.name: _queue(queue, _queue_type(plan, queue)) for queue in plan.queues},
        "routes": [list(route) for route in plan.routes],
        "tasks": [[task.glob, _numbers(dict(task.policy))] for task in plan.tasks],
        "tiers": {tier.name: _tier(tier) for tier in sorted(plan.tiers, key=lambda tier: tier.name)},
        "schedules": {schedule.name: _schedule(schedule) for schedule in plan.schedules},
    }


def _default_backend(plan: Plan) -> str:
    """Return the backend of the default queue, where somebody serves it, else the first one of the profile."""
    serving = (queue.backend for queue in plan.queues if queue.name == plan.profile.default_queue and queue.tiers)
    return next(serving, plan.backends[0])


def _queue(queue: QueuePlan, kind: str | None) -> dict[str, Any]:
    found = {"backend": queue.backend, "tiers": list(queue.tiers), "dead_letter": queue.dead_letter}
    return found if kind is None else {**found, "type": kind}


def _queue_type(plan: Plan, queue: QueuePlan) -> str | None:
    """Return the type of a queue of RabbitMQ."""
    celery = plan.profile.backends.celery
    of_rabbitmq = queue.backend == "celery" and celery is not None and celery.broker.kind == "rabbitmq"
    return celery.broker.queue_type if celery is not None and of_rabbitmq else None


def _tier(tier: TierPlan) -> dict[str, Any]:
    document = {
        "backend": tier.backend,
        "queues": list(tier.queues),
        "concurrency": tier.concurrency,
        "pool": tier.pool,
        "shutdown": tier.shutdown_mode,
        "grace_s": _seconds(tier.grace),
        "soft_shutdown_s": _seconds(tier.soft_shutdown),
        "prefetch": tier.prefetch,
        "task": task_policy(tier),
        "duration_buckets": list(tier.duration_buckets),
        "wait_buckets": list(tier.wait_buckets),
        "command": list(tier.command),
    }
    if tier.backend == "celery":
        document["disable_prefetch"] = tier.disable_prefetch
        recycling = {
            "max_tasks_per_child": tier.profile.max_tasks_per_child,
            # Celery's unit is KiB ([Celery 2]).
            "max_memory_per_child_kib": tier.profile.max_memory_per_child
            and tier.profile.max_memory_per_child // 2**10,
        }
        document |= {key: value for key, value in recycling.items() if value is not None}
    return document


def task_policy(tier: TierPlan) -> dict[str, Any]:
    """Return what holds for the tasks of a tier unless `tasks:` says otherwise for one of them."""
    facts = tier.profile.task
    policy: dict[str, Any] = policy_values(facts) | retry_values(tier.profile.retry)
    policy.pop("acks_late", None)
    if tier.backend == "celery":
        # By the tier's own word: one task among many that is not idempotent has its own line under `tasks`.
        policy["acks_late"] = facts.idempotent
    if tier.heartbeat_timeout is not None:
        policy["heartbeat_s"] = _seconds(tier.heartbeat_timeout)
    if tier.schedule_timeout is not None:
        policy["schedule_timeout_s"] = _seconds(tier.schedule_timeout)
    return _numbers(dict(sorted(policy.items())))


def _schedule(schedule: SchedulePlan) -> dict[str, Any]:
    document = {
        "task": schedule.task,
        "cron": schedule.cron,
        "every_s": _seconds(schedule.every),
        "timezone": schedule.timezone,
        "queue": schedule.queue,
        "priority": schedule.priority,
        "args": list(schedule.args),
        "kwargs": dict(schedule.kwargs),
        "expires_s": _seconds(schedule.expires),
        "enabled": schedule.enabled,
    }
    return {key: value for key, value in document.items() if value is not None}
