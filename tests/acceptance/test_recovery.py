"""Predicted equals measured: workers with planned settings are killed, and their task starts again when the plan says.

The plan predicts the longest time until a task of a killed worker runs again, where another worker is ready. So two
rendered workers wait, and the one that took the task is killed with its children, `KILL_AFTER_S` into the task.

- Temporal is a point: the start of the attempt counts as its last beat, and one retry is the longest delay where
  `max_attempts` is 2. Measured within 30 % of the prediction.
- Redis is a bound, counted from the delivery: the message comes back in the first sweep after its visibility timeout.
  The expected point follows from the same planned values, half a sweep after the timeout; measured within 30 % of it.
  The typed timeout is so much longer than a sweep that the bound itself is within 30 %, too.
- RabbitMQ is a bound with no timer behind it: the message comes back when the connection ends. Measured below it, by
  far on one machine; 30 % cannot be asked of it.
"""

import contextlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from taskgen.plan.redelivery import SWEEP
from taskgen.profile.scalars import parse_duration
from tests.support.command import taskgen
from tests.support.rendered import Fleet
from tests.support.servers import wait_until
from tests.support.workers import Running

pytestmark = pytest.mark.server
TOLERANCE = 0.3
KILL_AFTER_S = 1.0
TASK_S = 3.0


def planned_s(profile: str, overrides: Sequence[str], path: str) -> float:
    """Seconds of a planned value, as `taskgen explain` tells them."""
    flags = [word for override in overrides for word in ("--set", override)]
    told = taskgen("explain", path, "--profile", profile, "--output", "json", *flags, check=True)
    return parse_duration(json.loads(told.stdout)["value"]).total_seconds()


def is_busy(worker: Running) -> bool:
    """Whether a task runs in it."""
    return worker.sum_of("task_worker_slots_busy") > 0


def recovery_s(fleet: Fleet, tier: str, tmp: Path, *, at_most_s: float) -> float:
    """Seconds from the kill of a worker until its task starts in the other one, which then completes it."""
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(fleet.worker(tier, tmp)) for _ in range(2)]
        task = fleet.submit(tier, "export_report", 1, TASK_S, wait=False)
        wait_until(lambda: any(map(is_busy, workers)), timeout_s=20, what="the task to begin")
        time.sleep(KILL_AFTER_S)
        victim, heir = sorted(workers, key=is_busy, reverse=True)
        assert (is_busy(victim), is_busy(heir)) == (True, False)
        killed = time.monotonic()
        victim.kill()
        wait_until(lambda: is_busy(heir), timeout_s=2 * at_most_s + 10, what="the task to begin again")
        took = time.monotonic() - killed
        assert fleet.result(tier, task["id"])["status"] == "completed"
    return took


@pytest.fixture(scope="module")
def table():
    """Rows of what was predicted and measured; printed after the last test (see them with -s)."""
    rows: list[tuple[str, float, float | None, float]] = []
    yield rows
    print(f"\n{'tier':28}  predicted   expected   measured")  # noqa: T201 - what the fixture is for
    for name, *seconds in rows:
        cells = ["-" if value is None else f"{value:.1f}s" for value in seconds]
        print(f"{name:28}" + "".join(f"{cell:>11}" for cell in cells))  # noqa: T201 - see above


def test_celery_on_redis(redis, tmp_path, table):
    """The task comes back after its visibility timeout and a sweep, counted from its delivery."""
    overrides = [f"backends.celery.broker.url={redis.url(12)}", "backends.celery.broker.visibility_timeout=26s"]
    predicted = planned_s("dev-celery", overrides, "tiers.worker.recovery_time")
    timeout = planned_s("dev-celery", overrides, "visibility_timeout")
    fleet = Fleet.render("dev-celery", tmp_path / "out", overrides=overrides)

    took = recovery_s(fleet, "worker", tmp_path, at_most_s=predicted)

    expected = timeout - KILL_AFTER_S + SWEEP.total_seconds() / 2
    table.append(("celery on redis", predicted, expected, took))
    assert took == pytest.approx(expected, rel=TOLERANCE)
    assert took + KILL_AFTER_S == pytest.approx(predicted, rel=TOLERANCE)


def test_celery_on_rabbitmq(rabbitmq, redis, tmp_path, table):
    """The task comes back as soon as the broker loses the connection."""
    overrides = [
        "backends.celery.broker.kind=rabbitmq",
        "backends.celery.broker.url={secret: broker, key: url}",
        "backends.celery.broker.queue_type=quorum",
        "backends.celery.broker.management_url={secret: broker, key: management_url}",
        f"backends.celery.results={{kind: redis, url: '{redis.url(11)}'}}",
    ]
    secrets = {"TASK_CELERY_BROKER_URL": rabbitmq.url, "TASK_CELERY_MANAGEMENT_URL": rabbitmq.management_url}
    predicted = planned_s("dev-celery", overrides, "tiers.worker.recovery_time")
    fleet = Fleet.render("dev-celery", tmp_path / "out", overrides=overrides, secrets=secrets)

    took = recovery_s(fleet, "worker", tmp_path, at_most_s=predicted)

    table.append(("celery on rabbitmq", predicted, None, took))
    assert took <= predicted


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
def test_temporal(temporal, tmp_path, table, name, limits):
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
    predicted = planned_s("prod-temporal", overrides, "tiers.low.recovery_time")
    fleet = Fleet.render("prod-temporal", tmp_path / "out", overrides=overrides)

    took = recovery_s(fleet, "low", tmp_path, at_most_s=predicted)

    table.append((f"temporal, {name}", predicted, predicted - KILL_AFTER_S, took))
    assert took == pytest.approx(predicted, rel=TOLERANCE)
