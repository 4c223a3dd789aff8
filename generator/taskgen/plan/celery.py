"""The settings of celeryconfig.py; every name exists in celery 5.7 (verified against the installed one)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from taskgen.plan.model import TierPlan
from taskgen.plan.redelivery import SWEEP
from taskgen.profile.backends import Broker, CelerySettings
from taskgen.profile.model import Profile


def _seconds(value: timedelta) -> int | float:
    seconds = value.total_seconds()
    return int(seconds) if seconds == int(seconds) else seconds


def _transport_options(broker: Broker, values: Mapping[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if values["visibility_timeout"] is not None:
        options["visibility_timeout"] = _seconds(values["visibility_timeout"])
    if broker.kind.startswith("redis"):
        # 10 x 1 instead of the default 10 x 10: a sweep every 10 s ([Celery 4]); also after one whose worker died,
        # when the default is none for 300 s. Keepalive: the `redis_` settings reach the result store only.
        sweep = int(SWEEP.total_seconds())
        options |= {"unacked_restore_interval": sweep, "unacked_restore_throttle": 1, "unacked_mutex_expire": sweep}
        options["socket_keepalive"] = True
        if broker.key_prefix:
            options["global_keyprefix"] = broker.key_prefix
        if broker.priorities:
            options |= {"priority_steps": list(range(broker.priorities)), "queue_order_strategy": "priority"}
    if broker.kind == "redis-sentinel" and broker.master_name:
        options["master_name"] = broker.master_name
    if broker.kind == "rabbitmq":
        options["confirm_publish"] = True
    return options


def _queue_types(broker: Broker) -> dict[str, Any]:
    if broker.kind != "rabbitmq":
        return {}
    if broker.queue_type == "quorum":
        # `task_default_queue_type` alone reaches the default queue only: all others would be classic (celery 5.7).
        return {
            "task_create_missing_queue_exchange_type": "topic",
            "task_create_missing_queue_type": "quorum",
            "task_default_exchange_type": "topic",
            "task_default_queue_type": "quorum",
        }
    return {"task_queue_max_priority": broker.priorities - 1} if broker.priorities else {}


def _result_options(backend: CelerySettings, options: Mapping[str, Any]) -> dict[str, Any]:
    kind = backend.results.kind
    if kind != "redis" and not (kind == "same" and backend.broker.kind.startswith("redis")):
        return {}
    settings: dict[str, Any] = {"redis_retry_on_timeout": True, "redis_socket_keepalive": True}
    # The documentation asks for the timeout here too; alone here it does nothing ([Celery 4], measured).
    shared = ("visibility_timeout", "global_keyprefix", *(("master_name",) if kind == "same" else ()))
    found = {key: options[key] for key in shared if key in options}
    return settings | ({"result_backend_transport_options": found} if found else {})


def _limits(tiers: tuple[TierPlan, ...]) -> dict[str, Any]:
    """Return limits for what no tier knows: without one a hung task holds its slot for ever; only prefork has any."""
    if any(tier.pool != "prefork" for tier in tiers):
        return {}
    limits = {"task_time_limit": _seconds(max(tier.time_limit for tier in tiers))}
    if all(tier.soft_time_limit is not None for tier in tiers):
        limits["task_soft_time_limit"] = _seconds(max(tier.soft_time_limit for tier in tiers))
    return limits


def _stated(settings: dict[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with those of the profile over them; a mapping is merged, so that it takes nothing away."""
    both = {key: value for key, value in stated.items() if isinstance(value, Mapping) and key in settings}
    return settings | dict(stated) | {key: {**settings[key], **value} for key, value in both.items()}


CONNECTION: Final = frozenset(
    {
        "broker_channel_error_retry",
        "broker_connection_retry_on_startup",
        "broker_transport_options",
        "redis_retry_on_timeout",
        "redis_socket_keepalive",
        "result_backend_transport_options",
        "worker_cancel_long_running_tasks_on_connection_loss",
    }
)
"""Settings that take effect in an application that made its own before ours are read ([Celery 5], measured): a test
compares them with those that `task_abstraction.integrations.celery` applies."""


def celery_settings(profile: Profile, values: Mapping[str, Any], tiers: tuple[TierPlan, ...]) -> dict[str, Any] | None:
    """Return the fleet-wide settings of Celery, sorted by name; None without a Celery tier.

    Addresses are not in it: the module reads them from the environment. What holds for every tier is here; what
    differs between them is in plan.json and applied by the library: concurrency, pool, soft shutdown (it acts only
    where REMAP_SIGTERM is set, and is an error elsewhere), recycling, and limits, retries and acknowledgement by task.
    """
    backend = profile.backends.celery
    own = tuple(tier for tier in tiers if tier.backend == "celery")
    if backend is None or not own:
        return None
    late = all(tier.acks_late for tier in own)
    options = _transport_options(backend.broker, values)
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
        # Only tasks that are acknowledged late are cancelled (celery 5.7, from source): right for a mixed tier as well.
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "worker_disable_prefetch": all(tier.disable_prefetch for tier in own),
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": True,
    }
    if values["broker_heartbeat"] is not None:
        settings["broker_heartbeat"] = _seconds(values["broker_heartbeat"])
    settings |= _queue_types(backend.broker) | _result_options(backend, options) | _limits(own)
    found = dict(sorted(_stated(settings, backend.settings).items()))
    if profile.app.kind == "task_abstraction":
        return found
    return {name: value for name, value in found.items() if name in CONNECTION}
