"""Temporal under load when its worker or its server goes: nothing lost, nothing done twice that need not be."""

import contextlib
import signal
import time
from pathlib import Path

import pytest

from task_abstraction import BackendUnavailable
from tests.acceptance.temporal_support import FAULTY, Fleet, new_namespace, producing
from tests.support import servers
from tests.support.journal import count, starts
from tests.support.servers import wait_until

pytestmark = pytest.mark.server
TASKS = 8
NAMES = [f"s{number}" for number in range(TASKS)]
TASK_S = 0.5
LONG_S = 2.5
SOFT_S = 1
AWAY_S = 30.0
QUICK = ("tiers.low.retry.initial_delay=100ms", "tiers.low.retry.max_attempts=2")
LIMIT_S = 2
SHORT = ("tiers.low.task.duration.p50=100ms", "tiers.low.task.duration.p99=1s")
CUT = ("tiers.low.shutdown.mode=cut", f"tiers.low.shutdown.soft={SOFT_S}s")


def submit_steps(producer, place: Path, seconds: float = TASK_S) -> list[str]:
    """Submit tasks that leave a line in a file when they begin."""
    producer.declare("step", queue="low_priority")
    return [producer.submit("step", str(place), name, seconds=seconds) for name in NAMES]


def values(producer, ids: list[str]) -> list[str]:
    """Results of tasks that have ended."""
    return [producer.get_result(task_id).unwrap() for task_id in ids]


@pytest.mark.parametrize("mode", ["drain", "cut"])
def test_sigterm_under_load(temporal, tmp_path, mode, fault_row):
    """Tasks that run and tasks that wait: the next worker goes on; only a cut makes what ran begin again."""
    overrides = (*QUICK, *(CUT if mode == "cut" else ()))
    fleet, place = Fleet(temporal.address, new_namespace(temporal.address), tmp_path, overrides), tmp_path / "lines"
    with producing(fleet) as producer:
        with fleet.worker("low", **FAULTY) as first:
            ids = submit_steps(producer, place, LONG_S)
            wait_until(lambda: len(starts(place)) >= 2, timeout_s=30, what="load")
            first.signal(signal.SIGTERM)
            stopped = time.monotonic()
            assert first.wait(60) == 0
            took = time.monotonic() - stopped
        begun = len(starts(place))
        with fleet.worker("low", **FAULTY):
            counts = count(place, producer, ids)
        allowed, predicted_s = (begun, SOFT_S) if mode == "cut" else (0, LONG_S)
        fault = f"SIGTERM under load, {mode}"
        fault_row("temporal", fault, counts, allowed=allowed, predicted_s=predicted_s, measured_s=took)
        assert values(producer, ids) == NAMES
    assert begun < TASKS, "some waited"
    assert mode == "drain" or counts.again == begun


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
            counts = count(place, producer, ids)
            took = max(0.0, starts(place)[begun] - back)
            # What had begun by then may have been reported to nobody.
            fault_row("temporal", fault, counts, allowed=begun, measured_s=took)
            assert values(producer, ids) == NAMES


def test_a_poison_task_ends_after_its_attempts(temporal, tmp_path, fault_row):
    """A task that kills its worker starts exactly as often as declared, and is failed with the reason."""
    fleet = Fleet(temporal.address, new_namespace(temporal.address), tmp_path, QUICK).beat("low", 1)
    place = tmp_path / "starts"
    with producing(fleet) as producer, contextlib.ExitStack() as stack:
        workers = [stack.enter_context(fleet.worker("low", **FAULTY)) for _ in range(3)]
        producer.declare("poison", queue="low_priority")
        task_id = producer.submit("poison", str(place))
        counts = count(place, producer, [task_id])
        failed = producer.get_result(task_id)
    fault_row("temporal", "poison task of 2 attempts", counts, allowed=1)
    # Each ended with its block; those that died did so before.
    assert sorted(one.process.returncode for one in workers) == [-signal.SIGKILL, -signal.SIGKILL, 0]
    assert failed.is_failed
    assert len(starts(place)) == 2


def test_a_task_that_outlives_its_limit(temporal, tmp_path, fault_row):
    """The limit ends each attempt; the last one fails the task with the reason."""
    limits = (f"tiers.low.task.time_limit={LIMIT_S}s", "tiers.low.task.soft_time_limit=null", *SHORT)
    fleet = Fleet(temporal.address, new_namespace(temporal.address), tmp_path, (*QUICK, *limits)).beat("low", None)
    place = tmp_path / "lines"
    with producing(fleet) as producer, fleet.worker("low", **FAULTY):
        producer.declare("step", queue="low_priority")
        task_id = producer.submit("step", str(place), "late", seconds=30.0)
        counts, ended = count(place, producer, [task_id]), time.time()
        took, fault = ended - starts(place)[-1], "task outlives its time limit, 2 attempts"
        fault_row("temporal", fault, counts, allowed=1, predicted_s=LIMIT_S, measured_s=took)
        failed = producer.get_result(task_id)
    assert (failed.is_failed, failed.attempts, counts.again) == (True, 2, 1)
    assert took >= LIMIT_S
