# Rendered by taskgen from profile dev-temporal. Do not edit:
# change the profile and run `taskgen render --profile dev-temporal`.
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
    "worker": {
        "max_concurrent_activities": 8,
        "max_concurrent_workflow_tasks": 4,
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
    "worker": {
        "activity_execution_latency": [1.2, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 540.0, 600.0],
        "activity_schedule_to_start_latency": [90.0, 220.0, 450.0, 900.0, 1800.0, 3600.0, 9000.0],
    },
}
