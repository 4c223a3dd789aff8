"""The exporter against a real Hatchet backlog: what an autoscaler reads."""

import time

import pytest

from task_abstraction import TaskStatus
from task_abstraction.capabilities import EXPORTER_METRICS
from tests.acceptance.hatchet_support import Fleet, producing
from tests.support.servers import free_port, wait_until
from tests.support.workers import families, running

pytestmark = pytest.mark.server
WAITING = 5
# The backend asks the engine at most every 10 s; the exporter of the tests polls twice a second.
CACHE_S = 10
IDLE = {"waiting": 0, "in_flight": 0, "outstanding": 0}


def test_backlog_and_running_tasks_are_seen(tmp_path):
    """Waiting and in flight of a tier without a worker, with a busy one, and idle; another queue's task counts."""
    fleet = Fleet(tmp_path)
    with fleet.worker("low"):
        pass
    with fleet.worker("high"):
        pass
    with fleet.exporter() as probe, producing(fleet) as producer:
        assert families(probe.get("/metrics")[1]) == set(EXPORTER_METRICS)
        assert probe.json("/scaling/low") == IDLE
        ids = [producer.submit(fleet.name("work"), 1.0) for _ in range(WAITING)]
        elsewhere = producer.using(queue="high_priority").submit(fleet.name("work"), 1.0)
        wait_until(
            lambda: probe.json("/scaling/low") == {"waiting": WAITING, "in_flight": 0, "outstanding": WAITING},
            timeout_s=CACHE_S + 5,
            what="the backlog",
        )
        assert probe.json("/scaling/high") == {"waiting": 1, "in_flight": 0, "outstanding": 1}
        assert probe.sum_of("task_queue_depth", queue="low_priority", tier="low", backend="hatchet") == WAITING
        assert probe.sum_of("task_queue_consumers", queue="low_priority") == 0
        assert probe.sum_of("task_backend_token_expiry_timestamp_seconds") > time.time()
        wait_until(lambda: probe.sum_of("task_queue_oldest_age_seconds") >= 1, timeout_s=CACHE_S + 5, what="an age")

        with fleet.worker("low"), fleet.worker("high"):
            for task_id in [*ids, elsewhere]:
                assert producer.get_result(task_id, timeout=90).status is TaskStatus.COMPLETED
            busy = producer.submit(fleet.name("work"), 25.0)
            wait_until(
                lambda: probe.json("/scaling/low") == {"waiting": 0, "in_flight": 1, "outstanding": 1},
                timeout_s=CACHE_S + 8,
                what="one in flight",
            )
            assert probe.sum_of("task_queue_consumers", queue="low_priority") == 1
            assert producer.get_result(busy, timeout=60).is_completed
            wait_until(lambda: probe.json("/scaling/low") == IDLE, timeout_s=CACHE_S + 5, what="an idle tier")


def test_an_exporter_that_is_blind_says_so(tmp_path):
    """A token that the engine refuses: 503 and no figures, never a 0 that would scale the fleet down."""
    fleet = Fleet(tmp_path)
    header, claims, _ = fleet.engine["HATCHET_CLIENT_TOKEN"].split(".")
    forged = Fleet(
        tmp_path, prefix=fleet.prefix, engine={**fleet.engine, "HATCHET_CLIENT_TOKEN": f"{header}.{claims}.AA"}
    )
    port = free_port()
    command = ["task_abstraction.exporter", "--port", str(port)]
    with running(command, forged.environment("low"), tmp_path, port=port) as probe:
        wait_until(lambda: "the token was refused (HTTP 403)" in probe.text(), timeout_s=30, what="a refusal")
        assert probe.get("/scaling/low")[0] == 503
        assert probe.get("/readyz")[0] == 503
        assert probe.get("/livez")[0] == 200
        assert not [series for series in probe.metrics() if series.startswith("task_queue_")]
        assert forged.engine["HATCHET_CLIENT_TOKEN"] not in probe.text()
