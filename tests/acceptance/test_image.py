"""The rendered image and Compose stack of dev-celery, in a real Docker engine."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.docker import PYTHON_IMAGE, Docker, docker
from tests.support.in_memory import ROOT, artifacts, write
from tests.support.need import need
from tests.support.servers import wait_until
from tests.support.workers import samples

pytestmark = [pytest.mark.server, pytest.mark.slow]

PROFILE = "dev-celery"
TAG = "docflow-worker:test"
NAMELESS = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none")
HARDENED = (*NAMELESS, "--tmpfs", "/tmp")  # noqa: S108  # a folder of the container's own
REPORT = """
from docflow import tasks
print(tasks.export_report.submit(pages=6, seconds_per_page=0.5).id)
"""
PIPELINE = """
from docflow import tasks
document = tasks.Document(name="a.txt", content=b"Workers read documents. Documents hold words.")
print(tasks.process_document.submit(document).wait(timeout=30)[0].keywords[0])
"""
RESULT = """
import sys
from task_abstraction import get_backend
import docflow.tasks
result = get_backend().get_result(sys.argv[1])
print(result.status.value, result.result)
"""


@pytest.fixture(scope="module")
def engine():
    """An engine for all tests of this module."""
    need("docker", "mmdebstrap", "compose")
    with docker() as running:
        yield running


@pytest.fixture(scope="module")
def project(tmp_path_factory, engine):
    """A user's project: the application, what must never get into an image, and the rendered profile."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "examples", root / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "examples" / "docflow" / ".env.hatchet").write_text("HATCHET_CLIENT_TOKEN=never\n")
    (root / "examples" / "docflow" / ".git").mkdir()
    (root / "examples" / "docflow" / ".git" / "config").write_text("never")
    (root / "never.txt").write_text("not named by any COPY")
    name, _, tag = TAG.partition(":")
    overrides = (f"app.image.repository={name}", f"app.image.tag={tag}", "targets.compose.publish=false")
    engine.python_image()
    redis = f"targets.compose.redis_image={engine.redis_image()}"
    write(root / "out" / PROFILE, artifacts(PROFILE, ["image", "settings", "compose"], *overrides, redis))
    return root


@pytest.fixture(scope="module")
def image(engine, project):
    """The image, built as the Dockerfile says: from the project's root."""
    engine.build(TAG, project, file=project / "out" / PROFILE / "image" / "Dockerfile", PYTHON_IMAGE=PYTHON_IMAGE)
    return TAG


@dataclass(frozen=True)
class Stack:
    """The stack, started."""

    engine: Docker
    file: Path

    def __call__(self, *arguments: str) -> str:
        """Run Compose on it."""
        return self.engine.compose(self.file, *arguments)

    def client(self, program: str, *arguments: str) -> str:
        """Run a program in a container of its own, with the worker's image, settings and hardening."""
        return self("run", "--rm", "-T", "--no-deps", "worker-worker", "python", "-c", program, *arguments).strip()

    def read(self, service: str, port: int, path: str) -> str:
        """Read a page of a service, from inside its own container."""
        program = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}{path}').read().decode())"
        return self("exec", "-T", service, "python", "-c", program)

    def metric(self, service: str, port: int, name: str) -> float:
        """Sum of the series of one metric."""
        return sum(
            value for series, value in samples(self.read(service, port, "/metrics")).items() if series.startswith(name)
        )

    def inspect(self, service: str) -> dict:
        """What the engine says about the container of a service."""
        return json.loads(self.engine("inspect", self("ps", "--all", "-q", service).strip()))[0]


@pytest.fixture(scope="module")
def stack(engine, image, project):
    """The stack, healthy."""
    del image
    running = Stack(engine, project / "out" / PROFILE / "compose" / "compose.yaml")
    try:
        running("up", "--detach", "--no-build", "--wait", "--wait-timeout", "120")
        yield running
    finally:
        running("down", "--volumes", "--timeout", "20")


class TestImage:
    """What the built image holds and how it starts."""

    def test_holds_nothing_that_no_copy_names(self, engine, image):
        """Neither environment files nor version control nor files beside the application reach a layer."""
        listing = engine("run", "--rm", *HARDENED, image, "find", "/app", "/src", "-name", "*", check=False).split()

        assert "/app/docflow/tasks.py" in listing
        assert [path for path in listing if "/.env" in path or "/.git" in path or "never" in path] == []

    def test_runs_hardened(self, engine, image, project):
        """The worker lists its tasks as a nameless user, read-only, without capabilities, without a network."""
        settings = f"{project}/out/{PROFILE}/settings"
        mounted = ("-v", f"{settings}:/etc/taskgen:ro", "-e", "TASK_SETTINGS_DIR=/etc/taskgen")
        given = ("--env-file", f"{settings}/env/worker.env")

        listed = engine("run", "--rm", *HARDENED, *mounted, *given, image, "task-backend-worker", "--list-tasks")

        assert {"process_document", "export_report"} <= {
            line.split()[0] for line in listed.splitlines() if line.strip()
        }

    def test_code_belongs_to_another_user(self, engine, image):
        """A task cannot overwrite its own code, even where the file system could be written."""
        script = "id -u; touch /app/docflow/tasks.py /opt/venv/bin/python 2>/dev/null && echo written"

        assert engine("run", "--rm", "--network", "none", image, "sh", "-c", script, check=False).split() == ["10001"]

    def test_starts_the_worker_as_process_1(self, engine, image):
        """The whole command is in CMD, in exec form, and SIGTERM is what stops it."""
        config = json.loads(engine("image", "inspect", image))[0]["Config"]

        assert config["Entrypoint"] is None
        assert config["Cmd"][0] == "task-backend-worker"
        assert (config["User"], config["StopSignal"]) == ("10001:10001", "SIGTERM")
        assert config["Healthcheck"]["Test"] == ["CMD", "python", "-m", "task_abstraction.health", "--live"]


class TestStack:
    """The rendered stack, healthy, with a task through it."""

    def test_is_hardened(self, stack):
        """Worker, beat and exporter run read-only, without capabilities and new privileges, within their memory."""
        hosts = [stack.inspect(service)["HostConfig"] for service in ("worker-worker", "beat", "exporter")]

        assert all(host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and host["Memory"] > 0 for host in hosts)
        assert all("no-new-privileges:true" in host["SecurityOpt"] for host in hosts)

    def test_reaches_broker_and_results(self, stack):
        """`task-backend-worker --check` connects with the rendered settings."""
        assert "FAILED" not in stack(
            "run", "--rm", "-T", "--no-deps", "worker-worker", "task-backend-worker", "--check"
        )

    def test_completes_a_task(self, stack):
        """A task that another container submits runs in the worker, and its result comes back."""
        assert stack.client(PIPELINE) == "documents"

    def test_broker_has_the_rendered_settings(self, stack):
        """The broker answers with the memory bound and the policy that loses no task."""
        read = stack("exec", "-T", "broker", "redis-cli", "config", "get", "maxmemory*").split()

        values = dict(zip(read[::2], read[1::2], strict=True))
        assert (values["maxmemory"], values["maxmemory-policy"]) == (str(768 * 2**20), "noeviction")

    def test_exporter_answers_for_every_queue(self, stack):
        """The exporter reads the rendered plan: it knows every queue, and the tier that an autoscaler would ask for."""
        queues = json.loads((stack.file.parents[1] / "settings" / "plan.json").read_text())["queues"]
        served = stack.read("exporter", 9808, "/metrics")

        assert all(f'task_queue_depth{{backend="celery",queue="{queue}"' in served for queue in queues)
        assert json.loads(stack.read("exporter", 9808, "/scaling/worker"))["outstanding"] == 0

    def test_drains_on_sigterm(self, stack):
        """A worker that is stopped while a task runs ends it, exits with 0, and the result can be read."""
        task = stack.client(REPORT)
        wait_until(
            lambda: stack.metric("worker-worker", 8081, "task_worker_slots_busy") == 1, timeout_s=30, what="a busy slot"
        )

        stack("stop", "worker-worker")

        state = stack.inspect("worker-worker")["State"]
        assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
        assert stack.client(RESULT, task).startswith("completed {'pages': 6")
