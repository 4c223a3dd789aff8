"""Faults on real brokers: SIGTERM, a killed child, worker or broker, a broker that is away; nothing lost or doubled."""

import contextlib
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from task_abstraction import BackendUnavailable
from task_abstraction.backends.celery.wrapper import LOST_CHILD_DELAY_S
from tests.acceptance.celery_support import Broker, rabbitmq_broker, redis_broker, write_settings
from tests.support import servers
from tests.support.journal import count, starts
from tests.support.servers import wait_until
from tests.support.workers import worker

pytestmark = pytest.mark.server
VISIBILITY_S = 4
SWEEP_S = 1
# The plan's formula for Redis is visibility timeout + sweep; the rest is this machine's share: poll, start of the task.
SLACK_S = 5
LATE = "\ntask_acks_late = True\nworker_prefetch_multiplier = 1\n"
"""On Redis what a worker does not give back would be away for an hour."""
LONG_S = 3.0
"""Of the tasks that run when SIGTERM comes: longer than the soft timeout of a cut and the end of a process."""
SOFT_S = 1
POOL_CHECK_S = 5.0
"""How often Celery looks for children that are lost (timers of celery.concurrency.asynpool)."""
SETTINGS = {
    "redis": f"""
task_acks_late = True
broker_transport_options = {{
    "visibility_timeout": {VISIBILITY_S}, "unacked_restore_interval": {SWEEP_S}, "unacked_restore_throttle": 1,
}}
""",
    "rabbitmq": "\ntask_acks_late = True\n",
}
PLAN_S = {"redis": VISIBILITY_S + SWEEP_S, "rabbitmq": None}
RECOVERY_S = {"redis": VISIBILITY_S + SWEEP_S + SLACK_S, "rabbitmq": SLACK_S}
AWAY_S = 30.0
ROOT = Path(__file__).parents[2]


def settings_of(broker: Broker, folder: Path, config: str = "", **more: object) -> dict[str, str]:
    """Settings of a worker with late acknowledgement for the queue `steps`."""
    tier = {"queues": ["steps"], "task": {"acks_late": True}, **more}
    folder.mkdir(exist_ok=True)
    written = write_settings(
        folder,
        tier,
        celeryconfig=config or SETTINGS[broker.kind],
        queues={"steps": {"backend": "celery", "tiers": ["low"], "dead_letter": True}},
        routes=[["step", "steps"]],
        modules=["tests.support.faulty"],
        default_queue="steps",
    )
    path = f"{ROOT / 'library'}{os.pathsep}{ROOT}"
    return broker.environment(**written, TASK_MODULES="tests.support.faulty", PYTHONPATH=path)


def producer_of(broker: Broker):
    """A producer that knows the task `step` by its name."""
    made = broker.producer()
    made.declare("step", queue="steps")
    return made


def children_of(pid: int) -> list[int]:
    """Process ids of the children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request, redis) -> Broker:
    """Each broker that is supported, one after the other."""
    if request.param == "redis":
        return redis_broker(redis)
    return rabbitmq_broker(request.getfixturevalue("rabbitmq"), redis)


@pytest.fixture
def producer(broker):
    """A backend in this process that submits `step` by its name: the function lives in the worker."""
    made = producer_of(broker)
    yield made
    made.close()


@pytest.mark.parametrize("mode", ["drain", "cut"])
def test_sigterm_under_load(broker, producer, mode, tmp_path, fault_row):
    """Drain ends what runs, cut gives it back; what waits is left to the next worker, and nothing is lost."""
    cut = {"shutdown": "cut", "soft_shutdown_s": SOFT_S, "grace_s": 16, "task": {"acks_late": True, "idempotent": True}}
    environment = settings_of(broker, tmp_path, LATE, concurrency=2, **(cut if mode == "cut" else {}))
    place = tmp_path / "lines"
    with worker(environment, tmp_path, "--queues", "steps") as first:
        durations = [LONG_S, LONG_S] + [0.2] * 10
        names = [f"s{number}" for number in range(len(durations))]
        ids = [
            producer.submit("step", str(place), name, seconds=seconds)
            for name, seconds in zip(names, durations, strict=True)
        ]
        wait_until(lambda: len(starts(place)) >= 2, timeout_s=20, what="load")
        first.signal(signal.SIGTERM)
        stopped = time.monotonic()
        wait_until(lambda: first.get("/readyz")[0] == 503, timeout_s=5, what="not ready")
        assert first.get("/livez")[0] == 200
        assert first.sum_of("task_worker_draining") == 1
        code = first.wait()
        took = time.monotonic() - stopped
    begun = len(starts(place))
    with worker(environment, tmp_path, "--queues", "steps") as second:
        counts = count(place, producer, ids)
        redelivered = second.sum_of("task_redelivered_total")
    allowed, predicted_s = (2, SOFT_S) if mode == "cut" else (0, LONG_S)
    fault = f"SIGTERM under load, {mode}"
    fault_row(f"celery, {broker.kind}", fault, counts, allowed=allowed, predicted_s=predicted_s, measured_s=took)
    assert [producer.get_result(task_id).unwrap() for task_id in ids] == names
    assert code == 0
    assert begun < len(ids), "some waited"
    assert mode == "drain" or (counts.again == 2 and redelivered >= 2), "what ran began anew"


def test_a_killed_child_is_replaced_and_its_task_runs_again(broker, producer, tmp_path, fault_row):
    """Kill -9 of the child: with late acknowledgement and a cap the task is tried again, and completes."""
    config = LATE + "task_retry_on_worker_lost = True\n"
    environment, place = settings_of(broker, tmp_path, config), tmp_path / "lines"
    with worker(environment, tmp_path, "--queues", "steps") as running:
        task_id = producer.submit("step", str(place), "a", seconds=1.0)
        wait_until(lambda: len(starts(place)) == 1, timeout_s=20, what="begun")
        (child,) = children_of(running.pid)
        os.kill(child, signal.SIGKILL)
        killed = time.time()
        counts = count(place, producer, [task_id])
        retried = running.sum_of("task_retried_total", reason="worker_lost")
    took = starts(place)[-1] - killed
    backend, predicted_s = f"celery, {broker.kind}", POOL_CHECK_S + LOST_CHILD_DELAY_S
    fault_row(backend, "kill -9 of a child", counts, allowed=1, predicted_s=predicted_s, measured_s=took)
    result = producer.get_result(task_id)
    assert (result.is_completed, result.attempts, retried) == (True, 2, 1)


def test_a_task_of_a_killed_worker_runs_again_once(broker, producer, tmp_path, fault_row):
    """Kill -9 of the whole worker: another one runs the task again within the time that the plan predicts, once."""
    environment, place = settings_of(broker, tmp_path), tmp_path / "lines"
    with (
        worker(environment, tmp_path, "--queues", "steps") as one,
        worker(environment, tmp_path, "--queues", "steps") as other,
    ):
        task_id = producer.submit("step", str(place), "a", seconds=2.0)
        wait_until(lambda: len(starts(place)) == 1, timeout_s=20)
        killed = time.time()
        (one if one.sum_of("task_worker_slots_busy") else other).kill()
        count(place, producer, [task_id])
        time.sleep(VISIBILITY_S if broker.kind == "redis" else 1)  # whether it comes a third time
        counts = count(place, producer, [task_id])
    took = starts(place)[-1] - killed
    backend, predicted_s = f"celery, {broker.kind}", PLAN_S[broker.kind]
    fault_row(backend, "kill -9 of a worker", counts, allowed=1, predicted_s=predicted_s, measured_s=took)
    assert producer.get_result(task_id).unwrap() == "a"
    assert counts.again == 1
    assert took < RECOVERY_S[broker.kind]


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_a_killed_broker_loses_nothing(kind, redis, request, tmp_path, fault_row):
    """Kill -9 of the broker with tasks that wait and one that runs: after its restart each one completes."""
    request.getfixturevalue(kind)  # skips where there is none; the one to be killed is our own
    with contextlib.ExitStack() as stack:
        own = stack.enter_context(servers.redis() if kind == "redis" else servers.rabbitmq())
        broker = redis_broker(own) if kind == "redis" else rabbitmq_broker(own, redis)
        environment, place, producer = settings_of(broker, tmp_path), tmp_path / "lines", producer_of(broker)
        stack.callback(producer.close)
        stack.enter_context(worker(environment, tmp_path, "--queues", "steps"))
        ids = [producer.submit("step", str(place), f"s{number}", seconds=0.5) for number in range(6)]
        wait_until(lambda: len(starts(place)) >= 2, timeout_s=20)
        broker.server.stop(kill=True)
        begun = len(starts(place))
        broker.server.start()
        back = time.time()
        wait_until(lambda: [start for start in starts(place) if start > back], timeout_s=60, what="work again")
        took = time.time() - back
        counts = count(place, producer, ids)
        # What had begun before it was back may have been acknowledged by nobody.
        fault_row(f"celery, {kind}", "kill -9 of the broker", counts, allowed=begun, measured_s=took)
        assert [producer.get_result(task_id).unwrap() for task_id in ids] == [f"s{number}" for number in range(6)]


@pytest.mark.slow
def test_both_brokers_away_for_half_a_minute(redis, rabbitmq, tmp_path, fault_row):
    """Producers are told at once, workers stay live, and after 30 s each serves again what had waited."""
    del rabbitmq  # skips where there is none; those to be stopped are our own
    with contextlib.ExitStack() as stack:
        own_redis = stack.enter_context(servers.redis())
        own_rabbitmq = stack.enter_context(servers.rabbitmq())
        # Results elsewhere: Celery gives up a result that cannot be stored for 20 s, and calls the task failed.
        on_redis = replace(redis_broker(own_redis), results=redis_broker(redis).results)
        brokers = [on_redis, rabbitmq_broker(own_rabbitmq, redis)]
        places = [tmp_path / broker.kind for broker in brokers]
        workers, producers, waiting = [], [], []
        for broker, place in zip(brokers, places, strict=True):
            environment = settings_of(broker, place)
            workers.append(stack.enter_context(worker(environment, place, "--queues", "steps")))
            producers.append(producer_of(broker))
            stack.callback(producers[-1].close)
            waiting.append([producers[-1].submit("step", str(place / "lines"), name, seconds=2.0) for name in "abc"])
        for broker in brokers:
            broker.server.stop()
        gone = time.monotonic()
        for producer, place in zip(producers, places, strict=True):
            with pytest.raises(BackendUnavailable):
                producer.submit("step", str(place / "lines"), "lost")
        time.sleep(max(0.0, AWAY_S - (time.monotonic() - gone)))
        assert [one.get("/livez")[0] for one in workers] == [200, 200]
        assert [one.get("/readyz")[0] for one in workers] == [503, 503]
        for broker, place, producer, ids in zip(brokers, places, producers, waiting, strict=True):
            begun = len(starts(place / "lines"))
            broker.server.start()
            back = time.monotonic()
            counts = count(place / "lines", producer, ids)
            took, fault = time.monotonic() - back, f"broker away for {AWAY_S:g} s, all done"
            fault_row(f"celery, {broker.kind}", fault, counts, allowed=begun, measured_s=took)
            assert [producer.get_result(task_id).unwrap() for task_id in ids] == list("abc")
