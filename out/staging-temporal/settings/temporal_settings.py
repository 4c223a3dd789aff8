# Rendered by taskgen from profile staging-temporal. Do not edit:
# change the profile and run `taskgen render --profile staging-temporal`.
"""Settings of the Temporal workers; the runtime library reads them by TASK_SETTINGS_DIR.

WORKER holds keyword arguments of temporalio.worker.Worker for each tier, PROMETHEUS those of
temporalio.runtime.PrometheusConfig, BUCKETS the histogram_bucket_overrides of each tier, in seconds, with every
threshold of its rules. The address comes from the environment.
"""

from datetime import timedelta
from typing import Any

# auto: a standalone activity where the server can (1.32 and newer), else the generic workflow.
SUBMIT: dict[str, str] = {"mode": "auto"}

WORKER: dict[str, dict[str, Any]] = {
    "api": {
        "max_concurrent_activities": 8,
        "max_concurrent_workflow_tasks": 4,
        "max_cached_workflows": 100,
        # What running tasks still get after SIGTERM; the SDK's default of 0 cuts them at once.
        "graceful_shutdown_timeout": timedelta(seconds=60),
    },
    "high": {
        "max_concurrent_activities": 4,
        "max_concurrent_workflow_tasks": 2,
        "max_cached_workflows": 100,
        # What running tasks still get after SIGTERM; the SDK's default of 0 cuts them at once.
        "graceful_shutdown_timeout": timedelta(seconds=60),
    },
    "callback": {
        "max_concurrent_activities": 8,
        "max_concurrent_workflow_tasks": 4,
        "max_cached_workflows": 100,
        # What running tasks still get after SIGTERM; the SDK's default of 0 cuts them at once.
        "graceful_shutdown_timeout": timedelta(seconds=30),
    },
    "file": {
        "max_concurrent_activities": 4,
        "max_concurrent_workflow_tasks": 5,
        "max_cached_workflows": 100,
        # What running tasks still get after SIGTERM; the SDK's default of 0 cuts them at once.
        "graceful_shutdown_timeout": timedelta(seconds=300),
    },
    "medium": {
        "max_concurrent_activities": 6,
        "max_concurrent_workflow_tasks": 5,
        "max_cached_workflows": 100,
        # What running tasks still get after SIGTERM; the SDK's default of 0 cuts them at once.
        "graceful_shutdown_timeout": timedelta(seconds=180),
    },
    "low": {
        "max_concurrent_activities": 2,
        "max_concurrent_workflow_tasks": 2,
        "max_cached_workflows": 100,
        # What running tasks still get after SIGTERM; the SDK's default of 0 cuts them at once.
        "graceful_shutdown_timeout": timedelta(seconds=600),
    },
}

# Without these the SDK counts in milliseconds, under names that no rendered rule knows.
PROMETHEUS: dict[str, Any] = {
    "counters_total_suffix": True,
    "unit_suffix": True,
    "durations_as_seconds": True,
}

BUCKETS: dict[str, dict[str, list[float]]] = {
    "api": {
        "activity_execution_latency": [0.2, 0.4, 0.8, 1.6, 4.0, 8.0, 16.0, 50.0, 60.0],
        "activity_schedule_to_start_latency": [6.0, 15.0, 30.0, 60.0, 120.0, 240.0, 600.0],
    },
    "high": {
        "activity_execution_latency": [0.12, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 50.0, 60.0],
        "activity_schedule_to_start_latency": [6.0, 15.0, 30.0, 60.0, 120.0, 240.0, 600.0],
    },
    "callback": {
        "activity_execution_latency": [0.05, 0.1, 0.2, 0.4, 1.0, 2.0, 4.0, 25.0, 30.0],
        "activity_schedule_to_start_latency": [12.0, 30.0, 60.0, 120.0, 240.0, 480.0, 1200.0],
    },
    "file": {
        "activity_execution_latency": [0.75, 1.5, 3.0, 6.0, 15.0, 30.0, 60.0, 270.0, 300.0],
        "activity_schedule_to_start_latency": [6.0, 15.0, 30.0, 60.0, 120.0, 240.0, 600.0],
    },
    "medium": {
        "activity_execution_latency": [0.5, 1.0, 2.0, 4.0, 10.0, 20.0, 40.0, 150.0, 180.0],
        "activity_schedule_to_start_latency": [18.0, 45.0, 90.0, 180.0, 360.0, 720.0, 1800.0],
    },
    "low": {
        "activity_execution_latency": [1.2, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 540.0, 600.0],
        "activity_schedule_to_start_latency": [90.0, 220.0, 450.0, 900.0, 1800.0, 3600.0, 9000.0],
    },
}
