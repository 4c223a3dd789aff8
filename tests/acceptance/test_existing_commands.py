"""Worker commands of somebody's own (`app.kind: command`): they import nothing of ours, and run as rendered."""

import asyncio
import signal
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.acceptance.celery_support import redis_broker
from tests.acceptance.existing_support import producer_of
from tests.support.command import ROOT, taskgen
from tests.support.rendered import Fleet
from tests.support.servers import free_port, wait_until
from tests.support.workers import Running, http_get

pytestmark = pytest.mark.server
SCRIPTS = ROOT / "tests" / "fixtures" / "own_workers"
PLACES = {"/app/": f"{SCRIPTS}/"}
"""Where this machine has what the image holds."""
TIERS = """
  fast:
    queues: [rest]
    workload: io
    concurrency: 3
    task: {duration: {p50: 200ms, p99: 2s}, time_limit: 20s, memory: 30Mi, idempotent: true}
    load: {rate: 1/s, peak: 4/s}
    slo: {wait: {p99: 1m}, success: 99%}
    scale: {signals: [backlog]}
  slow:
    queues: [slow]
    workload: io
    concurrency: 1
    task: {duration: {p50: 2s, p99: 10s}, time_limit: 1m, memory: 30Mi, idempotent: true}
    load: {rate: 1/s, peak: 4/s}
    slo: {wait: {p99: 5m}, success: 99%}
    scale: {signals: [backlog]}
"""
PROFILE = """
extends: [taskgen:env/prod]
name: own
app:
  name: own
  kind: command
  command: [python, /app/%(script)s, "--tier={tier}", "--queues={queues}", "--slots={concurrency}", "--grace={grace}"]
  health: {port: %(health)d, path: /healthz, metrics_port: %(metrics)d, metrics_path: /%(path)s}
  image:
    repository: registry.example.com/own
    digest: sha256:0b5f3c1c7a0d4b6e9a51e2d3f4c5b6a7980716253443526170819a0b1c2d3e4f
  env: {HEALTH_PORT: "%(health)d", METRICS_PORT: "%(metrics)d"}
backends: %(backends)s
default_queue: rest
queues: {rest: {}, slow: {}}
tiers: %(tiers)s
waivers: {S06: a server on this machine, S07: a server on this machine}
targets:
  compose: {}
  kubernetes: {namespace: own}
"""


@dataclass(frozen=True)
class Own:
    """A fleet of such workers, a worker of its tier `fast`, and how its users submit."""

    fleet: Fleet
    worker: Running
    submit: Callable[..., Callable[[], Any]]
    """Start a task of so many seconds, in another queue if one is given; what is returned waits for its result."""
    counted: str
    """a series that moves when a task has ended"""

    def url(self, port: str, path: str) -> tuple[int, str]:
        """Ask a port of the container by its name."""
        (number,) = [entry["containerPort"] for entry in self.container["ports"] if entry["name"] == port]
        return http_get(number, path)

    @property
    def container(self) -> Any:
        """The worker's, as it is rendered."""
        return self.fleet.container("worker-fast")

    def object(self, name: str) -> Any:
        """A rendered object."""
        (path,) = self.fleet.folder.glob(f"kubernetes/*/{name}.yaml")
        return yaml.safe_load(path.read_text())


def render(folder, script, path, backends, **secrets):
    """Check and render a project of the user's own over the command line."""
    (folder / "profiles").mkdir(parents=True)
    values = {"script": script, "path": path, "backends": backends, "tiers": TIERS}
    ports = {"health": free_port(), "metrics": free_port()}
    (folder / "profiles" / "own.yaml").write_text(PROFILE % {**values, **ports})
    taskgen("check", "--profile", "own", cwd=folder, check=True)
    taskgen("render", "--profile", "own", cwd=folder, check=True)
    return Fleet(folder / "out" / "own", secrets, application=SCRIPTS, is_ours=False)


@pytest.fixture(scope="module")
def on_celery(redis, tmp_path_factory):
    """An entry point script that starts its Celery worker itself."""
    folder, broker = tmp_path_factory.mktemp("celery"), redis_broker(redis)
    where = f"endpoint: {{ports: [{redis.server.port}], cidr: 192.0.2.0/24}}"
    facts = "kind: redis, url: {secret: own-broker, key: url}, memory: 1Gi, max_connections: 10000"
    backends = f"{{celery: {{broker: {{{facts}, {where}}}}}}}"
    secrets = {"CELERY_BROKER_URL": broker.url, "CELERY_RESULT_BACKEND": broker.results}
    fleet = render(folder, "celery_worker.py", "stats", backends, **secrets)
    with (
        producer_of(broker) as producer,
        fleet.deployed("worker-fast", folder, places=PLACES) as worker,
    ):

        def submit(seconds, queue="rest"):
            sent = producer.send_task("own.rest", [seconds], queue=queue)
            return lambda: sent.get(timeout=60)

        yield Own(fleet, worker, submit, 'own_done_total{tier="fast"}')


@pytest.fixture(scope="module")
def on_temporal(temporal, tmp_path_factory):
    """A worker by the plain SDK of Temporal."""
    from temporalio.client import Client

    folder = tmp_path_factory.mktemp("temporal")
    backends = (
        f'{{temporal: {{address: "{temporal.address}", namespace: default, '
        f"endpoint: {{ports: [{temporal.server.port}], cidr: 192.0.2.0/24}}}}}}"
    )
    fleet = render(folder, "temporal_worker.py", "metrics", backends)
    with fleet.deployed("worker-fast", folder, places=PLACES) as worker:

        async def start(seconds, task_id, queue):
            client = await Client.connect(temporal.address)
            await client.start_workflow("Rest", seconds, id=task_id, task_queue=queue)

        async def result(task_id):
            client = await Client.connect(temporal.address)
            return await asyncio.wait_for(client.get_workflow_handle(task_id).result(), 60)

        def submit(seconds, queue="rest"):
            task_id = f"rest-{uuid.uuid4()}"
            asyncio.run(start(seconds, task_id, queue))
            return lambda: asyncio.run(result(task_id))

        yield Own(fleet, worker, submit, "temporal_workflow_completed")


@pytest.fixture(scope="module", params=["celery", "temporal"])
def own(request) -> Own:
    """One after the other."""
    return request.getfixturevalue(f"on_{request.param}")


class TestCommands:
    """What is rendered for such a command, and really so; the last test stops the worker."""

    def test_it_answers_where_the_manifests_ask(self, own):
        """The declared address is that of all three probes and of Compose, and it is there."""
        probes = [own.container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")]
        assert probes == [{"path": "/healthz", "port": "health"}] * 3
        wait_until(lambda: own.url(probes[0]["port"], probes[0]["path"])[0] == 200, what="its health")

        compose = yaml.safe_load((own.fleet.folder / "compose" / "compose.yaml").read_text())
        word, *command = compose["services"]["worker-fast"]["healthcheck"]["test"]
        assert word == "CMD"
        assert own.fleet.probe(command, own.worker.log.parent).returncode == 0

    def test_it_runs_tasks_and_its_own_metrics_are_scraped(self, own):
        """The worker is told queues and slots of its tier, finds its server, and serves what is scraped."""
        assert own.submit(0.1)() == "rested 0.1 s"

        (endpoint,) = own.object("podmonitor")["spec"]["podMetricsEndpoints"]
        wait_until(lambda: own.counted in own.url(endpoint["port"], endpoint["path"])[1], what="its metrics")
        (allowed,) = own.object("networkpolicy-worker")["spec"]["ingress"]
        scraped = [entry["containerPort"] for entry in own.container["ports"] if entry["name"] == endpoint["port"]]
        assert [entry["port"] for entry in allowed["ports"]] == scraped

    def test_nothing_of_ours_is_promised(self, own):
        """No variable, no metric and no alert that only our own workers would serve."""
        assert not any(
            entry["name"].startswith("TASK_") for entry in own.container["env"] if "_DIR" not in entry["name"]
        )
        rules = own.object("prometheusrule")["spec"]["groups"]
        asked = " ".join(rule["expr"] for group in rules for rule in group["rules"])
        assert "task_queue_" in asked
        assert not any(word in asked for word in ("task_worker_", "task_failed_total", "task_started_total"))

    def test_the_exporter_counts_what_waits_and_who_serves(self, own, tmp_path):
        """Autoscaler and alerts ask it alone for such a worker; a queue that nobody serves is told from one that is."""
        for _ in range(3):
            own.submit(0.1, "slow")
        port = free_port()
        places = {"--port=9808": f"--port={port}"}
        with own.fleet.deployed("task-backend-exporter", tmp_path, port=port, places=places) as exporter:
            exporter.wait_ready()
            wait_until(lambda: exporter.sum_of("task_queue_depth", queue="slow", tier="slow") == 3, what="the backlog")

            assert exporter.get("/scaling/slow")[0] == 200
            assert exporter.sum_of("task_queue_consumers", queue="slow") == 0
            wait_until(lambda: exporter.sum_of("task_queue_consumers", queue="rest") == 1, what="the consumer")

    def test_sigterm_drains_inside_the_planned_grace(self, own, tmp_path):
        """What runs ends, the process ends with 0 before the cluster would kill it, and the next one goes on."""
        grace = own.container["deployment"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert f"--grace={grace}" in own.container["command"]
        answer = own.submit(3.0)
        wait_until(lambda: "resting 3 s" in own.worker.text(), what="the task to begin")
        own.worker.signal(signal.SIGTERM)

        assert own.worker.wait(timeout_s=grace) == 0, own.worker.text()[-3000:]
        with own.fleet.deployed("worker-fast", tmp_path, places=PLACES) as following:
            assert answer() == "rested 3 s"
            assert "resting" not in following.text(), "the first one ended it"
