"""The beat of an application that imports nothing of ours, as its rendered Deployment runs it, on a real Redis."""

import pytest
import redis as client

from tests.acceptance.celery_support import redis_broker
from tests.acceptance.existing_support import render
from tests.support import servers
from tests.support.need import need
from tests.support.servers import wait_until

pytestmark = pytest.mark.server
SWEEP = "schedules.sweep={task: orders.tasks.charge, every: 1s, expires: 1s, args: [o1, 5.0]}"
OFTEN = {"SHOP_REMIND_SECONDS": "1"}
"""How often the application's own schedule sends."""


@pytest.fixture
def own_redis():
    """A Redis of this test's own: it is stopped."""
    if servers.program("redis-server") is None:
        need("valkey")
    with servers.redis() as running:
        yield running


def test_it_sends_answers_and_outlives_an_outage(own_redis, tmp_path):
    """Schedules of the application and of the profile go out; a broker that is away ends neither beat nor its life."""
    broker = redis_broker(own_redis)
    fleet = render(tmp_path / "out", broker, SWEEP)
    container = fleet.container("beat")
    probe = container["livenessProbe"]["exec"]["command"]

    def sent():
        with client.Redis.from_url(broker.url) as store:
            return [store.llen(queue) for queue in ("mails", "orders")]

    with fleet.deployed("beat", tmp_path, **OFTEN) as beat:
        wait_until(lambda: min(sent()) >= 2, what="messages of both schedules")
        assert fleet.probe(probe, tmp_path).returncode == 0
        before = sent()
        broker.server.stop()
        wait_until(lambda: "Message Error" in beat.text(), what="a send that fails")
        assert fleet.probe(probe, tmp_path).returncode == 0
        assert beat.process.poll() is None, beat.text()[-3000:]
        broker.server.start()
        wait_until(lambda: all(now > then for now, then in zip(sent(), before, strict=True)), what="sends afterwards")
        beat.signal()
        assert beat.wait() == 0, beat.text()[-3000:]

    assert container["deployment"]["replicas"] == 1
    assert container["deployment"]["strategy"] == {"type": "Recreate"}, "never two, also while rolling"
    scaled = [path.name for path in fleet.folder.glob("kubernetes/*/*") if "beat" in path.read_text()]
    assert not any(name.startswith(("scaledobject", "horizontal")) for name in scaled)


def test_a_name_that_both_have_is_refused(redis, tmp_path):
    """Beat ends at its start, and says which one to rename."""
    fleet = render(tmp_path / "out", redis_broker(redis), "schedules.remind={task: mails.tasks.remind, every: 5m}")
    with fleet.deployed("beat", tmp_path) as beat:
        code = beat.wait()

    assert code != 0
    assert "the application has a schedule 'remind' itself. Rename schedules.remind of the profile" in beat.text()
