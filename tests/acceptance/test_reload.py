"""`task-backend-worker --reload`: a change of the application runs without a restart by hand."""

import pytest

from tests.acceptance.celery_support import redis_broker
from tests.support.servers import wait_until
from tests.support.workers import worker

pytestmark = pytest.mark.server
MODULE = """
from task_abstraction import task


@task(queue="q")
def version() -> str:
    return "{}"
"""


def test_a_change_runs_and_a_mistake_waits_for_the_next_change(redis, tmp_path):
    """The new body runs; a module that cannot be imported ends the child, and its correction starts it again."""
    broker = redis_broker(redis)
    module = tmp_path / "watched_tasks.py"
    module.write_text(MODULE.format("one"))
    producer = broker.producer()
    producer.declare("version", queue="q")
    given = broker.environment(TASK_MODULES="watched_tasks")
    with worker(given, tmp_path, "--queues", "q", "--reload", "--concurrency", "1") as running:
        assert producer.get_result(producer.submit("version"), timeout=30).unwrap() == "one"

        module.write_text("raise RuntimeError('half written')\n")
        wait_until(lambda: "waiting for a change" in running.text(), timeout_s=60, what="the end of the child")
        module.write_text(MODULE.format("two"))
        assert producer.get_result(producer.submit("version"), timeout=60).unwrap() == "two"

        running.signal()
        assert running.wait() == 0
