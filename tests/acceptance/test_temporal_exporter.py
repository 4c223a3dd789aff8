"""The exporter against a real Temporal backlog: what an autoscaler reads."""

from datetime import timedelta

import pytest

from task_abstraction import TaskStatus
from task_abstraction.capabilities import EXPORTER_METRICS
from tests.acceptance.temporal_support import Fleet, new_namespace, producing
from tests.support import servers
from tests.support.servers import wait_until
from tests.support.workers import families

pytestmark = pytest.mark.server
WAITING = 6
# The server answers with a backlog that is up to 5 s old (measured, 1.32).
BACKLOG_CACHE_S = 5


@pytest.mark.parametrize("mode", ["activity", "workflow"])
def test_backlog_and_running_tasks_are_seen(temporal, tmp_path, mode):
    """Waiting and in flight add up to the unfinished tasks that are due, at every moment."""
    fleet = Fleet(temporal.address, new_namespace(temporal.address), tmp_path)
    with fleet.exporter() as probe, producing(fleet, mode) as producer:
        assert families(probe.get("/metrics")[1]) == set(EXPORTER_METRICS)
        assert probe.json("/scaling/low") == {"waiting": 0, "in_flight": 0, "outstanding": 0}
        ids = [producer.submit("export_report", 1, seconds_per_page=3.0) for _ in range(WAITING)]
        producer.using(delay=timedelta(hours=1)).submit("export_report", 1)
        wait_until(lambda: probe.json("/scaling/low")["outstanding"] == WAITING, timeout_s=3, what="outstanding")
        wait_until(
            lambda: probe.json("/scaling/low") == {"waiting": WAITING, "in_flight": 0, "outstanding": WAITING},
            timeout_s=BACKLOG_CACHE_S + 3,
            what="the backlog",
        )
        wait_until(lambda: probe.sum_of("task_queue_oldest_age_seconds") >= 1, timeout_s=10, what="an age")
        assert probe.sum_of("task_queue_depth", queue="low_priority", tier="low", backend="temporal") == WAITING
        assert probe.sum_of("task_queue_consumers", queue="low_priority") == 0

        with fleet.worker("low"):
            wait_until(lambda: probe.sum_of("task_queue_consumers", queue="low_priority") == 1, what="a consumer")
            seen = probe.json("/scaling/low")
            assert seen["outstanding"] == seen["waiting"] + seen["in_flight"]
            for task_id in ids:
                assert producer.get_result(task_id, timeout=60).status is TaskStatus.COMPLETED
            idle = {"waiting": 0, "in_flight": 0, "outstanding": 0}
            wait_until(lambda: probe.json("/scaling/low") == idle, timeout_s=3, what="an idle tier")


def test_a_busy_worker_is_not_idle(temporal, tmp_path):
    """One task that runs and none that waits: in flight is 1, so that no scaler removes the worker."""
    fleet = Fleet(temporal.address, new_namespace(temporal.address), tmp_path)
    with fleet.worker("low"), fleet.exporter() as probe, producing(fleet) as producer:
        task_id = producer.submit("export_report", 1, seconds_per_page=9.0)
        wait_until(lambda: producer.get_result(task_id).is_running, timeout_s=10, what="running")
        busy = {"waiting": 0, "in_flight": 1, "outstanding": 1}
        wait_until(lambda: probe.json("/scaling/low") == busy, timeout_s=BACKLOG_CACHE_S + 2, what="in flight")


def test_an_exporter_that_is_blind_says_so(tmp_path):
    """A server that went away: 503 and no figures, never a 0 that would scale the fleet down."""
    with servers.temporal() as server:
        fleet = Fleet(server.address, "default", tmp_path)
        with fleet.exporter() as probe:
            server.server.stop()
            wait_until(lambda: probe.get("/scaling/low")[0] == 503, timeout_s=60, what="blind")

            assert not [series for series in probe.metrics() if series.startswith("task_queue_depth")]
            assert probe.sum_of("task_backend_up") == 0
            assert probe.get("/livez")[0] == 200
