# Rendered by taskgen from profile staging-hatchet. Do not edit:
# change the profile and run `taskgen render --profile staging-hatchet`.
"""Settings of the Hatchet workers; the runtime library reads them by TASK_SETTINGS_DIR.

WORKER holds keyword arguments of Hatchet.worker for each tier, TASK those of Hatchet.task for the tasks of each tier,
TASKS those that the profile gives to single tasks: the first glob that matches wins over TASK, key by key. Token and
addresses come from the environment.
"""

from datetime import timedelta
from typing import Any

# The SDK's default of 100 slots is 100 threads of one interpreter. Durable slots are for workflows, which wait more than they
# run, and hold no thread while they wait.
WORKER: dict[str, dict[str, Any]] = {
    "api": {
        "slots": 8,
        "durable_slots": 1000,
        "labels": {"pool": "api"},
    },
    "high": {
        "slots": 4,
        "durable_slots": 1000,
        "labels": {"pool": "high"},
    },
    "callback": {
        "slots": 8,
        "durable_slots": 1000,
        "labels": {"pool": "callback"},
    },
    "file": {
        "slots": 4,
        "durable_slots": 1000,
        "labels": {"pool": "file"},
    },
    "medium": {
        "slots": 6,
        "durable_slots": 1000,
        "labels": {"pool": "medium"},
    },
    "low": {
        "slots": 2,
        "durable_slots": 1000,
        "labels": {"pool": "low"},
    },
}

# Always stated: the SDK's defaults of 60 s to run, 5 min to wait and no repetition lose work. A delay before a repetition
# is a minimum: in a quiet tenant the engine adds up to 30 s.
TASK: dict[str, dict[str, Any]] = {
    "api": {
        "execution_timeout": timedelta(seconds=60),
        "schedule_timeout": timedelta(seconds=3600),
        "retries": 4,
        "backoff_factor": 2.0,
        "backoff_max_seconds": 60,
    },
    "high": {
        "execution_timeout": timedelta(seconds=60),
        "schedule_timeout": timedelta(seconds=3600),
        "retries": 2,
        "backoff_factor": 2.0,
        "backoff_max_seconds": 30,
    },
    "callback": {
        "execution_timeout": timedelta(seconds=30),
        "schedule_timeout": timedelta(seconds=3600),
        "retries": 7,
        "backoff_factor": 5.0,
        "backoff_max_seconds": 300,
    },
    "file": {
        "execution_timeout": timedelta(seconds=300),
        "schedule_timeout": timedelta(seconds=3600),
        "retries": 2,
        "backoff_factor": 10.0,
        "backoff_max_seconds": 120,
    },
    "medium": {
        "execution_timeout": timedelta(seconds=180),
        "schedule_timeout": timedelta(seconds=3600),
        "retries": 2,
        "backoff_factor": 10.0,
        "backoff_max_seconds": 120,
    },
    "low": {
        "execution_timeout": timedelta(seconds=600),
        "schedule_timeout": timedelta(seconds=3780),
        "retries": 2,
        "backoff_factor": 60.0,
        "backoff_max_seconds": 600,
    },
}

TASKS: list[tuple[str, dict[str, Any]]] = [
]
