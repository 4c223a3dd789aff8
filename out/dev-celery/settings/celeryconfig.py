# Rendered by taskgen from profile dev-celery. Do not edit:
# change the profile and run `taskgen render --profile dev-celery`.
"""Settings of Celery for every tier of this broker; what differs between tiers is in plan.json, beside this file.

Plain Celery reads it as `--config`, the runtime library by TASK_SETTINGS_DIR. Addresses come from the environment.
"""

import os
import re
from fnmatch import translate
from typing import Any


def _from_environment(*names: str) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


# None where nothing is set: the runtime library says which variable is missing.
broker_url = _from_environment("TASK_CELERY_BROKER_URL", "CELERY_BROKER_URL")
result_backend = _from_environment("TASK_CELERY_RESULT_BACKEND", "CELERY_RESULT_BACKEND")

accept_content: Any = ["json"]
broker_channel_error_retry: Any = True
broker_connection_retry_on_startup: Any = True
broker_transport_options: Any = {
    "visibility_timeout": 1020,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "unacked_mutex_expire": 10,
    "socket_keepalive": True,
}
enable_utc: Any = True
redis_retry_on_timeout: Any = True
redis_socket_keepalive: Any = True
result_backend_transport_options: Any = {
    "visibility_timeout": 1020,
}
result_expires: Any = 86400
result_serializer: Any = "json"
task_acks_late: Any = True
task_default_queue: Any = "default"
task_ignore_result: Any = False
task_retry_on_worker_lost: Any = True
task_send_sent_event: Any = True
task_serializer: Any = "json"
task_soft_time_limit: Any = 540
task_time_limit: Any = 600
task_track_started: Any = True
timezone: Any = "UTC"
worker_cancel_long_running_tasks_on_connection_loss: Any = True
worker_disable_prefetch: Any = False
worker_prefetch_multiplier: Any = 1
worker_send_task_events: Any = True

# The most specific first; a task that none names goes to the default queue.
task_routes: list[list[tuple[re.Pattern[str], dict[str, str]]]] = [
    [
        (re.compile(translate("analyse_*")), {"queue": "api_processing"}),
        (re.compile(translate("cleanup_*")), {"queue": "low_priority"}),
        (re.compile(translate("extract_*")), {"queue": "file_processing"}),
        (re.compile(translate("process_*")), {"queue": "api_processing"}),
        (re.compile(translate("answer_*")), {"queue": "high_priority"}),
        (re.compile(translate("export_*")), {"queue": "low_priority"}),
        (re.compile(translate("notify_*")), {"queue": "callback_processing"}),
        (re.compile(translate("fetch_*")), {"queue": "api_processing"}),
        (re.compile(translate("index_*")), {"queue": "medium_priority"}),
        (re.compile(translate("write_*")), {"queue": "callback_processing"}),
    ]
]
