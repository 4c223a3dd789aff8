# Rendered by taskgen from profile prod-existing. Do not edit:
# change the profile and run `taskgen render --profile prod-existing`.
"""Settings of the connection to the broker: the application has its own for everything else.

The exporter reads them by TASK_SETTINGS_DIR, the workers beside TASK_PLAN_FILE. Addresses come from the environment.
"""

import os
from typing import Any


def _from_environment(*names: str) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


# None where nothing is set: the runtime library says which variable is missing.
broker_url = _from_environment("TASK_CELERY_BROKER_URL", "CELERY_BROKER_URL")
result_backend = _from_environment("TASK_CELERY_RESULT_BACKEND", "CELERY_RESULT_BACKEND")

broker_channel_error_retry: Any = True
broker_connection_retry_on_startup: Any = True
broker_transport_options: Any = {
    "visibility_timeout": 180,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "unacked_mutex_expire": 10,
    "socket_keepalive": True,
}
redis_retry_on_timeout: Any = True
redis_socket_keepalive: Any = True
result_backend_transport_options: Any = {
    "visibility_timeout": 180,
}
worker_cancel_long_running_tasks_on_connection_loss: Any = True
