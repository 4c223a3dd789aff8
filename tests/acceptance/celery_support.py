"""What the Celery acceptance tests share: a broker of their own each, settings as render writes them, a producer."""

import base64
import itertools
import json
import textwrap
import threading
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import kombu

from task_abstraction.backends.celery.backend import CeleryBackend
from task_abstraction.config import BackendConfig, WorkerPlan
from tests.support import servers

QUEUES = "file_processing,api_processing,callback_processing,high_priority,medium_priority,low_priority"
QUEUE_OF = {
    "extract_text": "file_processing",
    "process_document": "api_processing",
    "analyse_text": "api_processing",
    "fetch_page": "api_processing",
    "write_result": "callback_processing",
    "export_report": "low_priority",
    "cleanup_documents": "low_priority",
}
MESSAGES = [str(number) for number in range(12)]
"""Ids of what `publish` puts into a queue."""
# Those below 16 belong to the tests that name one.
_databases = itertools.count(16, 2)
_hosts = itertools.count()


@dataclass(frozen=True)
class Broker:
    """A broker that belongs to one test: its own database or virtual host."""

    kind: str
    url: str
    results: str
    server: servers.Server
    management: str | None = None

    def environment(self, **extra: str) -> dict[str, str]:
        """Variables of a worker on this broker."""
        given = {"TASK_BACKEND_TYPE": "celery", "CELERY_BROKER_URL": self.url, "CELERY_RESULT_BACKEND": self.results}
        if self.management is not None:
            given["TASK_CELERY_MANAGEMENT_URL"] = self.management
        return {**given, **extra}

    def producer(self, plan: WorkerPlan | None = None, **settings: object) -> CeleryBackend:
        """A backend in this process that only submits and reads; `settings` are further ones of Celery."""
        params = {"broker_url": self.url, "result_backend": self.results, "management_url": self.management}
        params["extra_settings"] = settings
        backend = CeleryBackend(BackendConfig("celery", params), plan=plan or WorkerPlan())
        for name, queue in QUEUE_OF.items():
            backend.declare(name, queue=queue)
        return backend


def redis_broker(redis: servers.Redis) -> Broker:
    """A pair of databases of their own: broker and results."""
    database = next(_databases)
    return Broker("redis", redis.url(database), redis.url(database + 1), redis.server)


def rabbitmq_broker(rabbitmq: servers.RabbitMQ, redis: servers.Redis) -> Broker:
    """A virtual host of its own; results in Redis."""
    name = f"test{next(_hosts)}"
    put(f"{rabbitmq.management_url}/api/vhosts/{name}", {})
    url = rabbitmq.url.removesuffix("//") + f"/{name}"
    return Broker("rabbitmq", url, redis_broker(redis).results, rabbitmq.server, rabbitmq.management_url)


def put(url: str, body: object) -> None:
    """Put something by the management API."""
    parts = urlsplit(url)
    request = urllib.request.Request(  # noqa: S310 - our own server
        url.replace(f"{parts.username}:{parts.password}@", ""), method="PUT"
    )
    credentials = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    request.add_header("Authorization", f"Basic {credentials}")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, data=json.dumps(body).encode(), timeout=10):  # noqa: S310 - our own server
        pass


def write_settings(
    folder: Path, tier: Mapping[str, object], *, celeryconfig: str = "", **plan: object
) -> dict[str, str]:
    """Write a settings folder as render does, for one tier `low`, and return the variables that select it."""
    settings = folder / "settings"
    settings.mkdir(exist_ok=True)
    low = {"backend": "celery", "queues": ["low_priority"], "concurrency": 1, "pool": "prefork", "prefetch": 1, **tier}
    whole = {
        "profile": "test",
        "environment": "dev",
        "modules": ["docflow.tasks"],
        "default_queue": "low_priority",
        "default_backend": "celery",
        "queues": {"low_priority": {"backend": "celery", "tiers": ["low"]}},
        "routes": [["export_*", "low_priority"]],
        "tasks": [],
        "tiers": {"low": low},
        "schedules": {},
        **plan,
    }
    (settings / "plan.json").write_text(json.dumps(whole))
    (settings / "celeryconfig.py").write_text(
        textwrap.dedent(
            """
            import os

            broker_url = os.environ["CELERY_BROKER_URL"]
            result_backend = os.environ["CELERY_RESULT_BACKEND"]
            """
        )
        + celeryconfig
    )
    return {"TASK_SETTINGS_DIR": str(settings), "TASK_TIER": "low"}


def publish(broker: Broker, queue: str, task: str) -> None:
    """Put messages into a queue that is there."""
    with kombu.Connection(broker.url) as connection, connection.channel() as channel:
        for number in MESSAGES:
            headers = {"task": task, "id": number}
            kombu.Producer(channel).publish([[1], {}, {}], routing_key=queue, headers=headers)


def in_threads(count: int, call: Callable[[], object]) -> list[object]:
    """What so many calls at once return or raise; a call that hangs fails the test."""
    ended: list[object] = []

    def one() -> None:
        try:
            ended.append(call())
        except Exception as error:  # noqa: BLE001 - the caller looks at it
            ended.append(error)

    threads = [threading.Thread(target=one, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(ended) == count, f"{count - len(ended)} of {count} hang"
    return ended
