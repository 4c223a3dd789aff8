"""The settings of celeryconfig.py; every name exists in celery 5.7 (verified against the installed one)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from taskgen.profile.model import Profile


def _seconds(value: timedelta) -> int | float:
    seconds = value.total_seconds()
    return int(seconds) if seconds == int(seconds) else seconds


def _transport_options(profile: Profile, values: Mapping[str, Any]) -> dict[str, Any]:
    broker = profile.backends.celery.broker if profile.backends.celery else None
    if broker is None:
        return {}
    options: dict[str, Any] = {}
    if values["visibility_timeout"] is not None:
        options["visibility_timeout"] = _seconds(values["visibility_timeout"])
    if broker.kind.startswith("redis"):
        # 10 x 1 instead of the default 10 x 10: a sweep every 10 s (celery.md 4).
        options |= {"unacked_restore_interval": 10, "unacked_restore_throttle": 1}
        if broker.key_prefix:
            options["global_keyprefix"] = broker.key_prefix
        if broker.priorities:
            options |= {"priority_steps": list(range(broker.priorities)), "queue_order_strategy": "priority"}
    if broker.kind == "redis-sentinel" and broker.master_name:
        options["master_name"] = broker.master_name
    if broker.kind == "rabbitmq":
        options["confirm_publish"] = True
    return options


def celery_settings(profile: Profile, values: Mapping[str, Any], tiers: tuple[Any, ...]) -> dict[str, Any] | None:
    """Return the fleet-wide settings of Celery, sorted by name; None without a Celery tier.

    Addresses are not in it: the module reads them from the environment. What differs between tiers (concurrency,
    pool, time limits, late acknowledgement of one task among many) is in plan.json, and applied by the library.
    """
    backend = profile.backends.celery
    own = tuple(tier for tier in tiers if tier.backend == "celery")
    if backend is None or not own:
        return None
    late = all(tier.acks_late for tier in own)
    soft = max((tier.soft_shutdown for tier in own if tier.soft_shutdown is not None), default=None)
    options = _transport_options(profile, values)
    settings: dict[str, Any] = {
        "accept_content": ["json"],
        "broker_channel_error_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": options,
        "enable_utc": True,
        "result_expires": _seconds(values["result_expires"]),
        "result_serializer": "json",
        "task_acks_late": late,
        "task_default_queue": profile.default_queue,
        "task_ignore_result": all(tier.ignore_result for tier in own) or backend.results.kind == "none",
        "task_retry_on_worker_lost": late,
        "task_send_sent_event": True,
        "task_serializer": "json",
        "task_track_started": True,
        "timezone": "UTC",
        "worker_cancel_long_running_tasks_on_connection_loss": late,
        "worker_disable_prefetch": all(tier.disable_prefetch for tier in own),
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": True,
    }
    if soft is not None:
        settings["worker_soft_shutdown_timeout"] = _seconds(soft)
    if backend.broker.kind.startswith("redis"):
        settings |= {"redis_retry_on_timeout": True, "redis_socket_keepalive": True}
        settings["result_backend_transport_options"] = {
            key: options[key] for key in ("visibility_timeout", "global_keyprefix", "master_name") if key in options
        }
    if backend.broker.kind == "rabbitmq" and backend.broker.queue_type == "quorum":
        settings |= {"task_default_exchange_type": "topic", "task_default_queue_type": "quorum"}
    return dict(sorted((settings | dict(backend.settings)).items()))
