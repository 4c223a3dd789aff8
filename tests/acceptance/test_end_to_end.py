"""From a profile to a completed task: the rendered output of three backends, started for real."""

import signal

import pytest

from tests.support.need import need
from tests.support.rendered import Fleet
from tests.support.servers import hatchet_environment, wait_until

pytestmark = pytest.mark.server
TEXT = "Queues hold tasks. Workers take tasks from queues. A worker that stops drains its tasks first."


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A folder for rendered profiles."""
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def celery_on_redis(redis, out):
    """`dev-celery` with the address of a real Redis."""
    return Fleet.render("dev-celery", out / "redis", overrides=[f"backends.celery.broker.url={redis.url(14)}"])


@pytest.fixture(scope="module")
def celery_on_rabbitmq(rabbitmq, redis, out):
    """`dev-celery` on a real RabbitMQ with quorum queues; its address holds a password, so it is a secret."""
    overrides = [
        "backends.celery.broker.kind=rabbitmq",
        "backends.celery.broker.url={secret: broker, key: url}",
        "backends.celery.broker.queue_type=quorum",
        "backends.celery.broker.management_url={secret: broker, key: management_url}",
        f"backends.celery.results={{kind: redis, url: '{redis.url(13)}'}}",
    ]
    secrets = {"TASK_CELERY_BROKER_URL": rabbitmq.url, "TASK_CELERY_MANAGEMENT_URL": rabbitmq.management_url}
    return Fleet.render("dev-celery", out / "rabbitmq", overrides=overrides, secrets=secrets)


@pytest.fixture(scope="module")
def temporal_fleet(temporal, out):
    """`prod-temporal` with the address of a real development server, TLS off by --set."""
    overrides = [
        f"backends.temporal.address={temporal.address}",
        f"backends.temporal.endpoint.ports=[{temporal.server.port}]",
        "backends.temporal.namespace=default",
        "backends.temporal.tls=null",
        "waivers.S07=a development server on this machine",
    ]
    return Fleet.render("prod-temporal", out, overrides=overrides)


@pytest.fixture(scope="module")
def hatchet_fleet(out):
    """`dev-hatchet` with the addresses of the engine that the test run was given."""
    need("hatchet", "hatchet-sdk")
    given = hatchet_environment()
    overrides = [
        f"backends.hatchet.host_port={given['HATCHET_CLIENT_HOST_PORT']}",
        f"backends.hatchet.server_url={given['HATCHET_CLIENT_SERVER_URL']}",
    ]
    return Fleet.render(
        "dev-hatchet", out, overrides=overrides, secrets={"TASK_HATCHET_TOKEN": given["HATCHET_CLIENT_TOKEN"]}
    )


FLEETS = [
    pytest.param("celery_on_redis", id="celery on redis"),
    pytest.param("celery_on_rabbitmq", id="celery on rabbitmq"),
    pytest.param("temporal_fleet", id="temporal"),
    pytest.param("hatchet_fleet", id="hatchet"),
]


def tier_of(fleet, queue):
    """The tier that serves a queue: development has one for all."""
    return fleet.plan["queues"][queue]["tiers"][0]


@pytest.mark.parametrize("name", FLEETS)
class TestFleet:
    """What each backend does with rendered settings."""

    def test_task_runs_by_name_from_another_process(self, request, tmp_path, name):
        """A producer that knows only the rendered settings gets the result of a task."""
        fleet = request.getfixturevalue(name)
        quick = tier_of(fleet, "api_processing")
        with fleet.worker(quick, tmp_path):
            answer = fleet.submit(quick, "analyse_text", "note", TEXT, keywords=3)

        assert answer["status"] == "completed"
        assert answer["result"]["name"] == "note"
        assert "tasks" in answer["result"]["keywords"]

    def test_sigterm_lets_a_running_task_finish(self, request, tmp_path, name):
        """A worker that is asked to stop finishes its task, reports it and ends with 0."""
        fleet = request.getfixturevalue(name)
        slow = tier_of(fleet, "low_priority")
        with fleet.worker(slow, tmp_path) as worker:
            task = fleet.submit(slow, "export_report", 8, 0.5, wait=False)
            wait_until(lambda: worker.sum_of("task_worker_slots_busy") > 0, timeout_s=60, what="the task to begin")
            worker.signal(signal.SIGTERM)
            code = worker.wait()
            answer = fleet.result(slow, task["id"])

        assert code == 0, worker.text()[-3000:]
        assert (answer["status"], answer["result"]["pages"]) == ("completed", 8)

    def test_exporter_counts_what_waits(self, request, tmp_path, name):
        """The autoscaler's address tells the backlog of a tier that has no worker, and that it is gone later."""
        fleet = request.getfixturevalue(name)
        quick = tier_of(fleet, "api_processing")
        with fleet.worker(quick, tmp_path):
            fleet.submit(quick, "analyse_text", "first", TEXT)  # Hatchet takes a name only after a worker had it.
        tasks = [fleet.submit(quick, "analyse_text", "later", TEXT, wait=False) for _ in range(3)]
        with fleet.exporter(quick, tmp_path) as exporter:
            wait_until(
                lambda: exporter.json(f"/scaling/{quick}")["waiting"] == 3, timeout_s=60, what="three waiting tasks"
            )
            with fleet.worker(quick, tmp_path):
                assert fleet.result(quick, tasks[-1]["id"], timeout_s=120)["status"] == "completed"
                wait_until(
                    lambda: exporter.json(f"/scaling/{quick}")["outstanding"] == 0, timeout_s=60, what="an empty queue"
                )
