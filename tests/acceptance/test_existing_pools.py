"""An application that imports nothing of ours on the pools gevent and solo: what they keep, and what they cannot."""

import json
import signal

import pytest

from tests.acceptance.celery_support import redis_broker
from tests.acceptance.existing_support import Shop, producer_of, render
from tests.support.servers import wait_until

pytestmark = pytest.mark.server
LIMIT_S = 3
BEAT_LIMIT_S = 1
"""Twice TASK_HEALTH_CHECK_INTERVAL: a loop that stands still for longer is told."""
FACTS = (
    "app.beat=false",  # the one difference that the comparison at the start finds
    "tiers.orders.task.soft_time_limit=null",
    f"tiers.orders.task.time_limit={LIMIT_S}s",
    "tiers.orders.task.duration={p50: 100ms, p99: 1s}",
)
SLOTS = {"gevent": 4, "solo": 1}


@pytest.fixture(scope="module", params=SLOTS)
def pool(request):
    """One pool after the other."""
    return request.param


@pytest.fixture(scope="module")
def shop(pool, redis, tmp_path_factory):
    """The fleet with that pool."""
    folder = tmp_path_factory.mktemp(pool)
    broker = redis_broker(redis)
    slots = f"tiers.orders.concurrency={'auto' if pool == 'solo' else SLOTS[pool]}"
    fleet = render(folder / "out", broker, f"tiers.orders.pool={pool}", slots, *FACTS)
    with producer_of(broker) as producer:
        yield Shop(broker, fleet, str(folder / "database"), producer)


@pytest.fixture(scope="module")
def orders(shop, tmp_path_factory):
    """A worker of tier `orders`, whose loop has to move every second."""
    variables = {"SHOP_DATABASE": shop.database, "TASK_HEALTH_CHECK_INTERVAL": str(BEAT_LIMIT_S / 2)}
    with shop.fleet.worker("orders", tmp_path_factory.mktemp("orders"), **variables) as running:
        yield running


class TestPools:
    """What the application is given; the last test stops the worker."""

    def test_health_metrics_and_dead_letters(self, pool, shop, orders):
        """They are those of the other pools: outcomes count, and what failed or is unknown is kept."""
        charged = shop.submit("charge", "o1", 5.0)
        assert charged.get(timeout=60) == {"order": "o1", "charged": 5.0}
        failed, unknown = shop.submit("charge", "o2", -1.0), shop.submit("of_tomorrow")
        letters = [shop.letter_of(task.id) for task in (failed, unknown)]
        early = shop.letter_of(shop.submit("ship", "nobody").id)

        assert [(letter.reason, letter.attempts) for letter in letters] == [("error", 1), ("invalid", 0)]
        assert (early.attempts, early.error) == (2, "LookupError: order nobody is not charged")
        for path in ("/livez", "/startupz", "/readyz"):
            wait_until(lambda path=path: orders.get(path)[0] == 200, what=path)
        wait_until(lambda: orders.sum_of("task_dead_lettered_total") == 3, what="the count of letters")
        assert orders.sum_of("task_succeeded_total", task="orders.tasks.charge") == 1
        assert orders.sum_of("task_failed_total", task="orders.tasks.charge", reason="error") == 1
        assert orders.sum_of("task_retried_total", task="orders.tasks.ship") == 1
        assert orders.sum_of("task_worker_slots") == SLOTS[pool]
        assert orders.sum_of("task_worker_info", pool=pool) == 1
        assert orders.sum_of("task_worker_plan_differences", severity="unsafe") == 0, orders.text()
        assert orders.sum_of("task_worker_plan_differences", severity="said") == 1, orders.text()
        assert "schedules of the application: planned no beat, running remind" in orders.text()

    def test_a_long_task(self, pool, shop, orders):
        """Gevent ends it at its limit and works meanwhile; solo cannot, and says for how long its loop stands still."""
        shop.submit("charge", "o3", 1.0).get(timeout=60)
        late = shop.submit("ship", "o3", LIMIT_S + 1.0)
        wait_until(lambda: orders.sum_of("task_worker_slots_busy") == 1, what="the task to begin")
        if pool == "gevent":
            assert shop.submit("charge", "o4", 1.0).get(timeout=60)
            letter = shop.letter_of(late.id)
            assert letter.error == f"TimeLimitExceeded: TimeLimitExceeded({LIMIT_S}.0,)"
            assert orders.sum_of("task_failed_total", reason="time_limit") == 1
            orders.wait_ready()
            return
        wait_until(lambda: orders.get("/readyz")[0] == 503, what="not ready")
        status, answer = orders.get("/livez")
        assert (status, orders.get("/startupz")[0]) == (503, 200)
        assert f"limit {BEAT_LIMIT_S} s" in json.loads(answer)["checks"]["loop"]
        assert late.get(timeout=60) == "o3 is on its way", "no limit ends it"
        orders.wait_ready()

    def test_sigterm_lets_a_running_task_finish(self, shop, orders):
        """A stop finishes the task and ends with 0, on every pool."""
        shop.submit("charge", "o5", 1.0).get(timeout=60)
        task = shop.submit("ship", "o5", 1.0)
        wait_until(lambda: orders.sum_of("task_worker_slots_busy") == 1, what="the task to begin")
        orders.signal(signal.SIGTERM)

        assert orders.wait() == 0, orders.text()[-3000:]
        assert task.get(timeout=10) == "o5 is on its way"
