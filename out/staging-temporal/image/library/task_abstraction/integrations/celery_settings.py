"""What of the rendered settings takes effect in an application that made its own: the connection, and nothing of tasks.

Measured with celery 5.7: a module of `-I` is imported after the tasks were made and after the prefetch count was read.
What it sets for the connection reaches every channel that is opened afterwards.
"""

import logging
from collections.abc import Mapping
from typing import Any

log = logging.getLogger("task_abstraction.plan")
APPLIED = frozenset(
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
"""Settings that are read when the worker connects; `taskgen` renders no others for these applications."""


OF_PRODUCERS = frozenset({"global_keyprefix"})
"""Options by which queues and results are found: the application's producers and its beat have only its own, and a
worker with another one would wait where nobody sends. The comparison says a difference."""


def apply(conf: Any, rendered: Mapping[str, Any]) -> None:  # noqa: ANN401 - Celery's settings
    """Put the rendered settings over those of the application; mappings key by key, and each change is said."""
    for name in sorted(APPLIED & set(rendered)):
        wanted, own = rendered[name], conf.get(name)
        if isinstance(wanted, Mapping):
            wanted = {key: value for key, value in wanted.items() if key not in OF_PRODUCERS}
            replaced = {key: value for key, value in (own or {}).items() if key in wanted and wanted[key] != value}
            conf[name] = {**(own or {}), **wanted}
        else:
            replaced = {"": own} if own is not None and own != wanted else {}
            conf[name] = wanted
        for key, value in replaced.items():
            place = f"{name}[{key!r}]" if key else name
            now = wanted[key] if key else wanted
            log.info("%s: the profile sets %s, over %s of the application", place, now, value)
