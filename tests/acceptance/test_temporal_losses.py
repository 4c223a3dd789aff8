"""Temporal under load when its worker or its server goes: nothing lost, nothing done twice that need not be."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from task_abstraction import BackendUnavailable
from tests.acceptance.temporal_support import Fleet, new_namespace, producing
from tests.support import servers
from tests.support.servers import wait_until

pytestmark = pytest.mark.server
ROOT = Path(__file__).parents[2]
TASKS = 8
TASK_S = 0.5
AWAY_S = 30.0
FAULTY = {
    "TASK_MODULES": "tests.support.faulty",
    "PYTHONPATH": f"{ROOT / 'library'}{os.pathsep}{ROOT}",
    "TASK_HEALTH_CHECK_INTERVAL": "1",
    "ENVIRONMENT": "dev",  # production is not ready where tasks of the code have queues that the plan does not know
}
QUICK = ("tiers.low.retry.initial_delay=100ms", "tiers.low.retry.max_attempts=2")


def starts(place: Path) -> list[float]:
    """Unix times at which attempts began."""
    lines = place.read_text().splitlines() if place.exists() else []
    return [float(line.split()[2]) for line in lines if line.startswith("start")]


def submit_steps(producer, place: Path) -> list[str]:
    """Submit tasks that leave a line in a file when they begin."""
    producer.declare("step", queue="low_priority")
    return [producer.submit("step", str(place), f"s{number}", seconds=TASK_S) for number in range(TASKS)]


def values(producer, ids: list[str]) -> list[str]:
    """Results of all tasks, waited for."""
    return [producer.get_result(task_id, timeout=90).unwrap() for task_id in ids]


NAMES = [f"s{number}" for number in range(TASKS)]


def test_sigterm_under_load(temporal, tmp_path, fault_row):
    """Drain with tasks that run and tasks that wait: the next worker goes on, and each task ran once."""
    fleet, place = Fleet(temporal.address, new_namespace(temporal.address), tmp_path, QUICK), tmp_path / "lines"
    with producing(fleet) as producer:
        with fleet.worker("low", **FAULTY) as first:
            ids = submit_steps(producer, place)
            wait_until(lambda: len(starts(place)) >= 2, timeout_s=30, what="load")
            first.signal(signal.SIGTERM)
            assert first.wait(60) == 0
        with fleet.worker("low", **FAULTY):
            assert values(producer, ids) == NAMES
    fault_row("temporal", "SIGTERM under load, drain", duplicates=len(starts(place)) - TASKS)
    assert len(starts(place)) == TASKS


@pytest.mark.slow
def test_a_server_that_goes_loses_nothing(tmp_path, fault_row):
    """Killed at once, or away for half a minute: what ran and what waited is done when it is back."""
    with servers.temporal() as server, contextlib.ExitStack() as stack:
        fleet = Fleet(server.address, "default", tmp_path, QUICK).beat("low", 3)
        producer = stack.enter_context(producing(fleet))
        running = stack.enter_context(fleet.worker("low", **FAULTY))
        for fault, kill, away_s in (("kill -9 of the server", True, 0.0), ("server away for 30 s", False, AWAY_S)):
            place = tmp_path / fault.replace(" ", "-")
            ids = submit_steps(producer, place)
            wait_until(lambda: len(starts(place)) >= 2, timeout_s=30, what="load")  # noqa: B023 - called here
            server.server.stop(kill=kill)
            gone, begun = time.monotonic(), len(starts(place))
            with pytest.raises(BackendUnavailable):
                producer.submit("step", str(place), "lost")
            assert running.get("/livez")[0] == 200
            time.sleep(max(0.0, away_s - (time.monotonic() - gone)))
            server.server.start()
            back = time.time()
            assert values(producer, ids) == NAMES
            took = min(start for start in starts(place)[begun:]) - back
            fault_row("temporal", fault, duplicates=len(starts(place)) - TASKS, measured_s=max(0.0, took))
            assert len(starts(place)) <= TASKS + begun, "only what ran may run again"


def test_a_poison_task_ends_after_its_attempts(temporal, tmp_path, fault_row):
    """A task that kills its worker starts exactly as often as declared, and is failed with the reason."""
    fleet = Fleet(temporal.address, new_namespace(temporal.address), tmp_path, QUICK).beat("low", 1)
    place = tmp_path / "starts"
    with producing(fleet) as producer, contextlib.ExitStack() as stack:
        workers = [stack.enter_context(fleet.worker("low", **FAULTY)) for _ in range(3)]
        producer.declare("poison", queue="low_priority")
        failed = producer.get_result(producer.submit("poison", str(place)), timeout=60)
    # Each ended with its block; those that died did so before.
    assert sorted(one.process.returncode for one in workers) == [-signal.SIGKILL, -signal.SIGKILL, 0]
    assert failed.is_failed
    assert place.read_text().splitlines() == ["start"] * 2
    fault_row("temporal", "poison task of 2 attempts")
