"""What tests of the library begin with."""

import pytest

from task_abstraction.runtime.worker_metrics import WorkerMetrics


@pytest.fixture
def metrics():
    """Metrics of a worker that knows one task."""
    made = WorkerMetrics(
        backend="celery", tier="low", slots=2, pool="prefork", duration_buckets=(1, 10), wait_buckets=(0.5, 5)
    )
    made.expect({"add": ("q",)})
    return made
