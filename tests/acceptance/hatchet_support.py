"""What the Hatchet acceptance tests share: rendered settings, tasks with names of their own, a producer, a proxy.

All runs share one tenant of the engine that was given. So each module has a namespace of its own for its workflows, and
task names of its own, because the engine's statistics know no namespace.
"""

import contextlib
import secrets
import socket
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from task_abstraction.backends.hatchet.backend import HatchetBackend
from task_abstraction.backends.hatchet.connection import connection_of
from task_abstraction.config import BackendConfig, load_plan
from taskgen import pipeline
from taskgen.profile.loading import Project
from tests.support.command import ROOT
from tests.support.need import NOT_RUN, need
from tests.support.servers import free_port, hatchet_environment
from tests.support.workers import Running, exporter, worker

with warnings.catch_warnings():
    # hatchet-sdk 1.43.1 calls tenacity 9 in a way that it warns of.
    warnings.simplefilter("ignore", DeprecationWarning)
    with contextlib.suppress(ImportError):
        import hatchet_sdk  # noqa: F401

TASKS = """
import asyncio
import os
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from task_abstraction import RetryPolicy, current_task, task

AT_ONCE = timedelta(0)


@dataclass(frozen=True)
class Point:
    x: int
    y: int = 0


@task(queue="file_processing", name="PREFIX_add")
def add(point: Point, by: int = 1) -> Point:
    return Point(point.x + by, point.y + by)


@task(queue="file_processing", name="PREFIX_who")
async def who() -> dict[str, object]:
    await asyncio.sleep(0.05)
    context = current_task()
    return {"id": context.id, "attempt": context.attempt, "queue": context.queue, "pid": os.getpid()}


@task(queue="file_processing", name="PREFIX_flaky", retry=RetryPolicy(max_attempts=3, initial_delay=AT_ONCE))
def flaky(good_attempt: int) -> int:
    if current_task().attempt < good_attempt:
        raise OSError("not yet\\nwait: more")
    return current_task().attempt


@task(
    queue="file_processing",
    name="PREFIX_never",
    retry=RetryPolicy(max_attempts=5, initial_delay=AT_ONCE, non_retryable=(ValueError,)),
)
def never() -> None:
    raise ValueError("no\\nnever: ever")


@task(queue="file_processing", name="PREFIX_endless", timeout=timedelta(seconds=2), retry=RetryPolicy())
async def endless() -> None:
    await asyncio.sleep(60)


@task(queue="file_processing", name="PREFIX_say", retry=RetryPolicy(max_attempts=2, initial_delay=AT_ONCE))
def say(character: str, times: int = 1, fail: bool = False) -> str:
    text = chr(int(character, 16)) * times
    if fail:
        raise ValueError(text)
    return text


@task(queue="high_priority", name="PREFIX_urgent", retry=RetryPolicy())
def urgent() -> str:
    return current_task().queue


@task(queue="low_priority", name="PREFIX_forgotten", retry=RetryPolicy())
def forgotten() -> None:
    return None


@task(queue="low_priority", name="PREFIX_stubborn", retry=RetryPolicy(max_attempts=3, initial_delay=AT_ONCE))
def stubborn(seconds: float) -> str:
    return work(seconds)


@task(queue="low_priority", name="PREFIX_work", retry=RetryPolicy())
def work(seconds: float, journal: str = "") -> str:
    if journal:
        with Path(journal).open("a") as lines:
            lines.write(f"start {current_task().id} {time.time()} {os.getpid()}\\n")
    time.sleep(seconds)
    return "done"
"""
OVERRIDES = ("collapse_tiers=false", "targets.prometheus=null", "targets.compose=null", "targets.image=null")


def given() -> Mapping[str, str]:
    """Token and addresses of the engine that the run was given; the token alone is enough."""
    need("hatchet", "hatchet-sdk")
    variables = hatchet_environment()
    if "HATCHET_CLIENT_TOKEN" not in variables:
        # The programs are here, but nothing starts them for the tests.
        pytest.skip(
            f"{NOT_RUN}hatchet: HATCHET_CLIENT_TOKEN is not set. To get it: start the engine and export its token"
        )
    params = {"token": variables["HATCHET_CLIENT_TOKEN"]}
    claimed = connection_of(BackendConfig("hatchet", params), {})
    addresses = {"HATCHET_CLIENT_HOST_PORT": claimed.host_port, "HATCHET_CLIENT_SERVER_URL": claimed.server_url}
    return {**addresses, **variables}


@dataclass(frozen=True)
class Fleet:
    """Rendered settings of dev-hatchet, one worker for each tier, and what is started from them."""

    folder: Path
    host_port: str = ""
    """gRPC address, where it is not the engine's own"""
    prefix: str = field(default_factory=lambda: f"t{secrets.token_hex(4)}")
    engine: Mapping[str, str] = field(default_factory=given, repr=False)  # with the token

    def __post_init__(self) -> None:
        project = Project(ROOT)
        overrides = (
            *OVERRIDES,
            f"backends.hatchet.host_port={self.address}",
            f"backends.hatchet.server_url={self.engine['HATCHET_CLIENT_SERVER_URL']}",
            f"backends.hatchet.namespace={self.prefix}ns",
        )
        checked = pipeline.checked("dev-hatchet", project=project, overrides=overrides)
        for file in pipeline.rendered(checked, project=project, target="settings"):
            place = self.folder / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.content)
        (self.folder / f"{self.prefix}.py").write_text(TASKS.replace("PREFIX", self.prefix))

    @property
    def address(self) -> str:
        """Address of the gRPC port, for workers and producers."""
        return self.host_port or self.engine["HATCHET_CLIENT_HOST_PORT"]

    @property
    def settings(self) -> Path:
        """The folder of the rendered settings."""
        return self.folder / "settings"

    def name(self, task: str) -> str:
        """Name of a task of this run."""
        return f"{self.prefix}_{task}"

    def environment(self, tier: str, **extra: str) -> dict[str, str]:
        """The rendered environment of a tier, its secret, and ports that are free here."""
        lines = (self.settings / "env" / f"{tier}.env").read_text().splitlines()
        rendered = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
        del rendered["TASK_HEALTH_PORT"]
        return {
            **rendered,
            "TASK_HATCHET_TOKEN": self.engine["HATCHET_CLIENT_TOKEN"],
            "HATCHET_CLIENT_WORKER_HEALTHCHECK_PORT": str(free_port()),
            "HATCHET_CLIENT_WORKER_HEALTHCHECK_BIND_ADDRESS": "127.0.0.1",
            "TASK_SETTINGS_DIR": str(self.settings),
            "TASK_MODULES": self.prefix,
            **extra,
        }

    def worker(self, tier: str, **extra: str) -> contextlib.AbstractContextManager[Running]:
        """Run the worker of a tier by its rendered command."""
        flags = load_plan(self.settings).tiers[tier].command[1:]
        return worker(self.environment(tier, **extra), self.folder, *flags)

    def exporter(self) -> contextlib.AbstractContextManager[Running]:
        """Run the exporter of the profile."""
        return exporter(self.environment("low"), self.folder)

    def producer(self) -> HatchetBackend:
        """A backend in this process that only submits and reads: the functions live in the worker."""
        params = {
            "token": self.engine["HATCHET_CLIENT_TOKEN"],
            "server_url": self.engine["HATCHET_CLIENT_SERVER_URL"],
            "host_port": self.address,
            "tls_strategy": self.engine.get("HATCHET_CLIENT_TLS_STRATEGY", "tls"),
            "namespace": f"{self.prefix}ns",
        }
        backend = HatchetBackend(BackendConfig("hatchet", params), plan=load_plan(self.settings))
        for task in ("add", "who", "flaky", "never", "endless", "say"):
            backend.declare(self.name(task), queue="file_processing")
        backend.declare(self.name("urgent"), queue="high_priority")
        for task in ("work", "stubborn", "forgotten"):
            backend.declare(self.name(task), queue="low_priority")
        return backend


@contextlib.contextmanager
def producing(fleet: Fleet) -> Iterator[HatchetBackend]:
    """A producer that is closed at the end."""
    backend = fleet.producer()
    try:
        yield backend
    finally:
        backend.close()


def listener_of(worker: Running) -> int:
    """Process id of the SDK's listener: the child that is not multiprocessing's own helper."""
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    for child in children:
        with contextlib.suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise AssertionError(f"no listener among {children}")


def runs_in(journal: Path) -> list[int]:
    """Process ids of the workers that began a task, in order."""
    return [int(line.split()[3]) for line in journal.read_text().splitlines()] if journal.exists() else []


class Proxy:
    """A TCP proxy that can be cut, so that an outage of the engine needs no end of the engine that others use."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self.port = free_port()
        self._open: list[socket.socket] = []
        self._server: socket.socket | None = None
        self.restore()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def restore(self) -> None:
        """Listen."""
        self._server = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
                remote = socket.create_connection(self._target)
            except OSError:
                return
            self._open += [client, remote]
            for source, sink in ((client, remote), (remote, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Refuse connections and end those that are open."""
        if self._server is not None:
            with contextlib.suppress(OSError):
                self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()
