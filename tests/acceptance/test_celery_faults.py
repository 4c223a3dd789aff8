"""Faults on real brokers: a killed worker, a killed broker, a broker that is away; nothing lost, nothing done twice."""

import contextlib
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from task_abstraction import BackendUnavailable
from tests.acceptance.celery_support import Broker, rabbitmq_broker, redis_broker, write_settings
from tests.support import servers
from tests.support.servers import wait_until
from tests.support.workers import worker

pytestmark = pytest.mark.server
VISIBILITY_S = 4
SWEEP_S = 1
# The plan's formula for Redis is visibility timeout + sweep; the rest is this machine's share: poll, start of the task.
SLACK_S = 5
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


def settings_of(broker: Broker, folder: Path) -> dict[str, str]:
    """Settings of a worker with late acknowledgement for the queue `steps`."""
    tier = {"queues": ["steps"], "task": {"acks_late": True}}
    folder.mkdir(exist_ok=True)
    written = write_settings(
        folder,
        tier,
        celeryconfig=SETTINGS[broker.kind],
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


def starts(place: Path) -> list[float]:
    """Unix times at which attempts began."""
    lines = place.read_text().splitlines() if place.exists() else []
    return [float(line.split()[2]) for line in lines if line.startswith("start")]


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_a_task_of_a_killed_worker_runs_again_once(kind, redis, request, tmp_path, fault_row):
    """Kill -9 of the whole worker: another one runs the task again within the time that the plan predicts, once."""
    broker = redis_broker(redis) if kind == "redis" else rabbitmq_broker(request.getfixturevalue("rabbitmq"), redis)
    environment, place, producer = settings_of(broker, tmp_path), tmp_path / "lines", producer_of(broker)
    with (
        worker(environment, tmp_path, "--queues", "steps") as one,
        worker(environment, tmp_path, "--queues", "steps") as other,
    ):
        task_id = producer.submit("step", str(place), "a", seconds=2.0)
        wait_until(lambda: len(starts(place)) == 1, timeout_s=20)
        killed = time.time()
        (one if one.sum_of("task_worker_slots_busy") else other).kill()
        assert producer.get_result(task_id, timeout=60).unwrap() == "a"
        took = starts(place)[1] - killed
        time.sleep(VISIBILITY_S if kind == "redis" else 1)
    again = len(starts(place)) - 2
    fault_row(f"celery, {kind}", "kill -9 of a worker", duplicates=again, predicted_s=PLAN_S[kind], measured_s=took)
    assert len(starts(place)) == 2
    assert took < RECOVERY_S[kind]


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_a_killed_broker_loses_nothing(kind, redis, request, tmp_path, fault_row):
    """Kill -9 of the broker with tasks that wait and one that runs: after its restart each one completes."""
    request.getfixturevalue(kind)  # skips where there is none; the one to be killed is our own
    with contextlib.ExitStack() as stack:
        own = stack.enter_context(servers.redis() if kind == "redis" else servers.rabbitmq())
        broker = redis_broker(own) if kind == "redis" else rabbitmq_broker(own, redis)
        environment, place, producer = settings_of(broker, tmp_path), tmp_path / "lines", producer_of(broker)
        stack.enter_context(worker(environment, tmp_path, "--queues", "steps"))
        ids = [producer.submit("step", str(place), f"s{number}", seconds=0.5) for number in range(6)]
        wait_until(lambda: len(starts(place)) >= 2, timeout_s=20)
        broker.server.stop(kill=True)
        broker.server.start()
        back = time.time()
        wait_until(lambda: [start for start in starts(place) if start > back], timeout_s=60, what="work again")
        took = time.time() - back
        for number, task_id in enumerate(ids):
            assert producer.get_result(task_id, timeout=60).unwrap() == f"s{number}"
    # What ran when the broker died was acknowledged by nobody.
    again = len(starts(place)) - len(ids)
    fault_row(f"celery, {kind}", "kill -9 of the broker", duplicates=again, measured_s=took)


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
            waiting.append([producers[-1].submit("step", str(place / "lines"), "w", seconds=2.0) for _ in range(3)])
        for broker in brokers:
            broker.server.stop()
        gone = time.monotonic()
        for producer, place in zip(producers, places, strict=True):
            with pytest.raises(BackendUnavailable):
                producer.submit("step", str(place / "lines"), "lost")
        time.sleep(max(0.0, AWAY_S - (time.monotonic() - gone)))
        assert [one.get("/livez")[0] for one in workers] == [200, 200]
        assert [one.get("/readyz")[0] for one in workers] == [503, 503]
        for broker, producer, ids in zip(brokers, producers, waiting, strict=True):
            broker.server.start()
            back = time.monotonic()
            for task_id in ids:
                assert producer.get_result(task_id, timeout=90).unwrap() == "w"
            fault = f"broker away for {AWAY_S:g} s"
            again = len(starts(places[brokers.index(broker)] / "lines")) - len(ids)
            fault_row(f"celery, {broker.kind}", fault, duplicates=again, measured_s=time.monotonic() - back)
