"""A server with two workers beside each other for each backend: a native one and ours, with the same settings."""

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from taskgen import pipeline
from taskgen.profile.loading import Project
from tests.support import servers
from tests.support.command import ROOT
from tests.support.workers import Running, clean_environment, worker

TIER = "low"
MODULE = "tests.bench.tasks"
PATH = os.pathsep.join([str(ROOT), str(ROOT / "library")])
RABBITMQ = (
    "backends.celery.broker.kind=rabbitmq",
    "backends.celery.results.kind=redis",
    "backends.celery.results.url.secret=results",
    "backends.celery.results.url.key=url",
)
# `checked` and `rendered` alone: the command would refuse a production without TLS.
OVERRIDES = ("collapse_tiers=false", "targets.prometheus=null")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where one comparison takes place."""

    name: str
    concurrency: int
    native: Callable[[], Any]
    """makes the native client"""
    environment: Mapping[str, str]
    """of our client"""
    workers: Mapping[str, int]
    """process ids"""


def settings(profile: str, folder: Path, concurrency: int, *overrides: str) -> Path:
    """Render the settings of a production profile, with another concurrency for the tier."""
    project = Project(ROOT)
    given = (*OVERRIDES, f"tiers.{TIER}.concurrency={concurrency}", *overrides)
    checked = pipeline.checked(profile, project=project, overrides=given)
    for file in pipeline.rendered(checked, project=project, target="settings"):
        place = folder / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)
    return folder / "settings"


@contextlib.contextmanager
def ours(place: Path, folder: Path, **extra: str) -> Iterator[tuple[Running, dict[str, str]]]:
    """Our worker from rendered settings, and the variables of our client."""
    lines = (place / "env" / f"{TIER}.env").read_text().splitlines()
    rendered = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    del rendered["TASK_HEALTH_PORT"]
    given = {"TASK_SETTINGS_DIR": str(place), "TASK_MODULES": MODULE, "PYTHONPATH": PATH}
    environment = {**{k: v for k, v in rendered.items() if not k.startswith("TEMPORAL_TLS")}, **given, **extra}
    with worker(environment, folder, "--queues", "low_priority") as running:
        client = {**environment, "PYTHONPATH": PATH}
        yield running, client


@contextlib.contextmanager
def native(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Iterator[int]:
    """A native worker; its process id."""
    with (folder / "native.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder,
            env=clean_environment({"PYTHONPATH": PATH, **environment}),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def celery(folder: Path, *, broker: str = "redis", concurrency: int = 2) -> Iterator[Stage]:
    """Celery with prefork on Redis, or on RabbitMQ with results in Redis."""
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(servers.redis(fsync="everysec"))
        urls, overrides = (redis.url(0), redis.url(2)), ()
        if broker == "rabbitmq":
            rabbitmq = stack.enter_context(servers.rabbitmq())
            urls = (rabbitmq.url, rabbitmq.url.replace("127.0.0.1", "localhost"))
            overrides = RABBITMQ
        place = settings("prod-celery", folder, concurrency, *overrides)
        addresses = {"TASK_CELERY_BROKER_URL": urls[0], "TASK_CELERY_RESULT_BACKEND": redis.url(1)}
        running, environment = stack.enter_context(ours(place, folder, **addresses, ENVIRONMENT="dev"))
        given = {"BENCH_BROKER_URL": urls[1], "BENCH_RESULT_BACKEND": redis.url(3)}
        os.environ.update(given)
        sys.path.append(str(place))
        from tests.bench import native_celery

        path = {**given, "PYTHONPATH": f"{PATH}{os.pathsep}{place}"}
        pid = stack.enter_context(native(native_celery.worker_command(concurrency), path, folder))
        yield Stage(
            name=f"celery on {broker}",
            concurrency=concurrency,
            native=native_celery.Client,
            environment=environment,
            workers={"native": pid, "ours": running.pid},
        )


@contextlib.contextmanager
def temporal(folder: Path, *, mode: str = "activity", concurrency: int = 4) -> Iterator[Stage]:
    """Temporal's development server."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(servers.temporal())
        overrides = (f"backends.temporal.address={server.address}", "backends.temporal.namespace=default")
        place = settings("prod-temporal", folder, concurrency, *overrides, "backends.temporal.tls=null")
        extra = {"TASK_SDK_METRICS_PORT": str(servers.free_port()), "ENVIRONMENT": "dev"}
        module = place / "temporal_settings.py"
        module.write_text(module.read_text().replace('{"mode": "auto"}', f'{{"mode": "{mode}"}}'))
        running, environment = stack.enter_context(ours(place, folder, **extra))
        from tests.bench import native_temporal

        given = {"BENCH_ADDRESS": server.address, "BENCH_CONCURRENCY": str(concurrency)}
        pid = stack.enter_context(native(["tests.bench.native_temporal"], given, folder))
        yield Stage(
            name=f"temporal, {mode}",
            concurrency=concurrency,
            native=lambda: native_temporal.Client(server.address, standalone=mode == "activity"),
            environment=environment,
            workers={"native": pid, "ours": running.pid},
        )


@contextlib.contextmanager
def hatchet(folder: Path, *, concurrency: int = 4) -> Iterator[Stage]:
    """The engine that HATCHET_CLIENT_* name."""
    engine = servers.hatchet_environment()
    if "HATCHET_CLIENT_HOST_PORT" not in engine:
        raise SystemExit("no engine: set HATCHET_CLIENT_TOKEN, _HOST_PORT and _SERVER_URL to those of one")
    namespace = f"b{secrets.token_hex(4)}"
    overrides = (
        f"backends.hatchet.host_port={engine['HATCHET_CLIENT_HOST_PORT']}",
        f"backends.hatchet.server_url={engine['HATCHET_CLIENT_SERVER_URL']}",
        f"backends.hatchet.namespace={namespace}",
    )
    with contextlib.ExitStack() as stack:
        place = settings("prod-hatchet", folder, concurrency, *overrides)
        extra = {
            "TASK_HATCHET_TOKEN": engine["HATCHET_CLIENT_TOKEN"],
            "TASK_HATCHET_TLS_STRATEGY": engine.get("HATCHET_CLIENT_TLS_STRATEGY", "tls"),
            "HATCHET_CLIENT_WORKER_HEALTHCHECK_PORT": str(servers.free_port()),
            "HATCHET_CLIENT_WORKER_HEALTHCHECK_BIND_ADDRESS": "127.0.0.1",
            "ENVIRONMENT": "dev",
        }
        running, environment = stack.enter_context(ours(place, folder, **extra))
        os.environ["HATCHET_CLIENT_NAMESPACE"] = namespace
        from tests.bench import native_hatchet

        given = {"HATCHET_CLIENT_NAMESPACE": namespace, "BENCH_CONCURRENCY": str(concurrency)}
        pid = stack.enter_context(native(["tests.bench.native_hatchet"], given, folder))
        # Before its worker has registered a task the engine takes a native submit, and loses it.
        servers.wait_until(native_hatchet.is_served, what="the native worker")
        yield Stage(
            name="hatchet",
            concurrency=concurrency,
            native=native_hatchet.Client,
            environment=environment,
            workers={"native": pid, "ours": running.pid},
        )


STAGES: Mapping[str, Callable[[Path], AbstractContextManager[Stage]]] = {
    "celery": celery,
    "celery-rabbitmq": partial(celery, broker="rabbitmq"),
    "temporal": temporal,
    "temporal-workflow": partial(temporal, mode="workflow"),
    "hatchet": hatchet,
}
