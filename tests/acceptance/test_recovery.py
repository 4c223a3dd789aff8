"""Predicted equals measured: workers with planned settings are lost, and their task starts again when the plan says.

The plan predicts two times: `recovery_time` at most, and `expected_recovery` in the middle of what chance allows. Both
count from the event that starts the backend's timer. Measured must be within 30 % of the expected time, and never
above the longest. Two rendered workers wait, and the one that took the task is lost:

- Redis counts from the delivery: the process is killed `KILL_AFTER_S` later, and nobody notices before the sweep.
- RabbitMQ counts from the last byte of the connection, and a process that is killed closes its own: that is at once.
  A node that vanishes is silence; here the worker is stopped (SIGSTOP) right after it has acknowledged something.
- Temporal counts from the start of the attempt: it is the last beat, as the time limit is.
"""

import contextlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from taskgen.plan.redelivery import RABBITMQ_CLOSED
from taskgen.profile.scalars import parse_duration
from tests.support.command import taskgen
from tests.support.journal import Counts
from tests.support.rendered import Fleet
from tests.support.servers import wait_until
from tests.support.workers import Running

pytestmark = pytest.mark.server
TOLERANCE = 0.3
KILL_AFTER_S = 1.0
TASK_S = 3.0
LONG_TASK_S = 60.0
"""Longer than all that happens while it runs."""


def predicted_s(profile: str, overrides: Sequence[str], tier: str) -> tuple[float, float]:
    """Seconds of the expected and of the longest recovery, as `taskgen explain` tells them."""
    flags = [word for override in overrides for word in ("--set", override)]
    told = taskgen("explain", "--profile", profile, "--output", "json", *flags, check=True)
    values = {row["path"]: row["value"] for row in json.loads(told.stdout)}
    expected, longest = (values[f"tiers.{tier}.{name}"] for name in ("expected_recovery", "recovery_time"))
    return parse_duration(expected).total_seconds(), parse_duration(longest).total_seconds()


def is_busy(worker: Running) -> bool:
    """Whether a task runs in it."""
    return worker.sum_of("task_worker_slots_busy") > 0


def recovered(fleet: Fleet, tier: str, tmp: Path, *, at_most_s: float) -> tuple[float, Counts]:
    """Seconds from the kill of a worker until its task starts in the other one; what was counted at its end."""
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(fleet.worker(tier, tmp)) for _ in range(2)]
        task = fleet.submit(tier, "export_report", 1, TASK_S, wait=False)
        wait_until(lambda: any(map(is_busy, workers)), timeout_s=20, what="the task to begin")
        time.sleep(KILL_AFTER_S)
        victim, heir = sorted(workers, key=is_busy, reverse=True)
        assert (is_busy(victim), is_busy(heir)) == (True, False)
        begun = victim.sum_of("task_started_total")
        killed = time.monotonic()
        victim.kill()
        wait_until(lambda: is_busy(heir), timeout_s=2 * at_most_s + 10, what="the task to begin again")
        took = time.monotonic() - killed
        done = fleet.result(tier, task["id"])["status"] == "completed"
        executions = int(begun + heir.sum_of("task_started_total"))
    return took, Counts(1, int(not done), executions - 1)


def test_celery_on_redis(redis, tmp_path, fault_row):
    """The task comes back after its visibility timeout and a sweep, counted from its delivery."""
    overrides = [f"backends.celery.broker.url={redis.url(12)}", "backends.celery.broker.visibility_timeout=26s"]
    expected, longest = predicted_s("dev-celery", overrides, "worker")
    fleet = Fleet.render("dev-celery", tmp_path / "out", overrides=overrides)

    took, counts = recovered(fleet, "worker", tmp_path, at_most_s=longest)

    took += KILL_AFTER_S
    fault = "kill -9, rendered fleet"
    fault_row("celery, redis", fault, counts, allowed=1, predicted_s=expected, measured_s=took)
    assert took == pytest.approx(expected, rel=TOLERANCE)
    assert took <= longest + TASK_S


@pytest.fixture(scope="module")
def on_rabbitmq(rabbitmq, redis, tmp_path_factory):
    """A rendered fleet on RabbitMQ, and the prediction for its tier."""
    overrides = [
        "backends.celery.broker.kind=rabbitmq",
        "backends.celery.broker.url={secret: broker, key: url}",
        "backends.celery.broker.queue_type=quorum",
        "backends.celery.broker.heartbeat=8s",
        "backends.celery.broker.management_url={secret: broker, key: management_url}",
        f"backends.celery.results={{kind: redis, url: '{redis.url(11)}'}}",
    ]
    secrets = {"TASK_CELERY_BROKER_URL": rabbitmq.url, "TASK_CELERY_MANAGEMENT_URL": rabbitmq.management_url}
    folder = tmp_path_factory.mktemp("rabbitmq") / "out"
    fleet = Fleet.render("dev-celery", folder, overrides=overrides, secrets=secrets)
    return fleet, predicted_s("dev-celery", overrides, "worker")


def test_celery_on_rabbitmq_without_its_process(on_rabbitmq, tmp_path, fault_row):
    """A process that is killed closes its connection: the task comes back at once."""
    fleet, (expected, longest) = on_rabbitmq

    took, counts = recovered(fleet, "worker", tmp_path, at_most_s=longest)

    fault = "kill -9, rendered fleet"
    fault_row("celery, rabbitmq", fault, counts, allowed=1, predicted_s=0.0, measured_s=took)
    assert took <= RABBITMQ_CLOSED.total_seconds() < expected


def test_celery_on_rabbitmq_without_its_node(on_rabbitmq, tmp_path, fault_row):
    """A worker that falls silent is given up after its missed heartbeats, counted from its last byte."""
    fleet, (expected, longest) = on_rabbitmq
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(fleet.worker("worker", tmp_path)) for _ in range(2)]
        fleet.submit("worker", "export_report", 1, LONG_TASK_S, wait=False)
        wait_until(lambda: any(map(is_busy, workers)), timeout_s=20, what="the task to begin")
        victim, heir = sorted(workers, key=is_busy, reverse=True)
        for worker in workers:
            stack.callback(worker.kill)
        make_acknowledge(fleet, victim, heir)
        silent = time.monotonic()
        victim.freeze()
        assert not is_busy(heir)
        wait_until(lambda: is_busy(heir), timeout_s=2 * longest, what="the task to begin again")
        took = time.monotonic() - silent

    fault_row("celery, rabbitmq", "worker falls silent", predicted_s=expected, measured_s=took)
    assert took == pytest.approx(expected, rel=TOLERANCE)
    assert took <= longest + TASK_S


def make_acknowledge(fleet: Fleet, victim: Running, other: Running) -> None:
    """Return right after a worker has acknowledged a short task, on the connection of its long one."""
    for _ in range(10):
        done = [worker.sum_of("task_succeeded_total") for worker in (victim, other)]
        fleet.submit("worker", "export_report", 2, 0.2, wait=False)
        wait_until(
            lambda: [worker.sum_of("task_succeeded_total") for worker in (victim, other)] != done,  # noqa: B023 - now
            timeout_s=20,
            what="a short task to end",
        )
        if victim.sum_of("task_succeeded_total") > done[0]:
            return
    raise AssertionError("the other worker took all short tasks")


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        pytest.param("heartbeat", ["retry.initial_delay=5s"], id="noticed by the missing heartbeat"),
        pytest.param(
            "time limit",
            [
                "retry.initial_delay=6s",
                "task.time_limit=8s",
                "task.soft_time_limit=null",
                "task.duration={p50: 100ms, p99: 4s}",
            ],
            id="noticed by the time limit",
        ),
    ],
)
def test_temporal(temporal, tmp_path, fault_row, name, limits):
    """The attempt times out, and the next one begins after the planned delay between attempts."""
    overrides = [
        f"backends.temporal.address={temporal.address}",
        "backends.temporal.namespace=default",
        "backends.temporal.tls=null",
        "waivers.S07=a development server on this machine",
        f"backends.temporal.endpoint.ports=[{temporal.server.port}]",
        "tiers.low.retry.max_attempts=2",
        *(f"tiers.low.{limit}" for limit in limits),
    ]
    expected, longest = predicted_s("prod-temporal", overrides, "low")
    fleet = Fleet.render("prod-temporal", tmp_path / "out", overrides=overrides)

    took, counts = recovered(fleet, "low", tmp_path, at_most_s=longest)

    took += KILL_AFTER_S
    fault = f"kill -9, rendered fleet, {name}"
    fault_row("temporal", fault, counts, allowed=1, predicted_s=expected, measured_s=took)
    assert took == pytest.approx(expected, rel=TOLERANCE)
    assert took <= longest + TASK_S
