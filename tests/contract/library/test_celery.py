"""The contract on Celery: Redis with two pools, RabbitMQ with two types of queues; one worker process for each."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from scripts import contract_columns
from task_abstraction.backends.celery.backend import CeleryBackend
from task_abstraction.config import BackendConfig, WorkerPlan
from task_abstraction.testing import contract
from tests.acceptance.celery_support import Broker, rabbitmq_broker, redis_broker
from tests.contract.library.suites import add_suites
from tests.support.servers import free_port
from tests.support.workers import worker

# Canvas leaves results in reference cycles: the collector closes their sockets in any order, and says so.
pytestmark = [pytest.mark.server, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]
MODULES = ("task_abstraction.testing.contract.worker", "task_abstraction.testing.contract.worker_limits")
QUEUES = ["contract", "contract_other"]
VISIBILITY_S = 8
"""Longer than a task of the worker contract runs, so that none comes back while it runs."""
QUORUM = {
    "task_default_queue_type": "quorum",
    "task_create_missing_queue_type": "quorum",
    "task_create_missing_queue_exchange_type": "topic",
    "task_default_exchange_type": "topic",
}
"""As render writes them for `queue_type: quorum`."""


@dataclass(frozen=True)
class Place:
    """A broker with a worker, and the settings that producers share with it."""

    broker: Broker
    settings: Mapping[str, str]


def write_celeryconfig(folder, settings: Mapping[str, object]) -> None:
    """Write the settings of a worker, as render does."""
    (folder / "celeryconfig.py").write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))


@contextlib.contextmanager
def serving(
    broker: Broker, folder, *, pool: str = "prefork", settings: Mapping[str, str] | None = None
) -> Iterator[Place]:
    """Run a worker for the contract's queues."""
    tier = {"backend": "celery", "queues": QUEUES, "concurrency": 2, "pool": pool, "prefetch": 1, "grace_s": 20}
    plan = {"profile": "contract", "environment": "dev", "default_queue": "contract", "default_backend": "celery"}
    (folder / "plan.json").write_text(json.dumps({**plan, "tiers": {"contract": tier}}))
    write_celeryconfig(folder, {"worker_prefetch_multiplier": 1, **(settings or {})})
    modules = MODULES if pool == "prefork" else MODULES[:1]
    given = {"TASK_MODULES": ",".join(modules), "TASK_SETTINGS_DIR": str(folder), "TASK_TIER": "contract"}
    with worker(broker.environment(**given), folder, "--queues", ",".join(QUEUES)):
        yield Place(broker, settings or {})


@pytest.fixture(scope="module")
def on_redis(redis, tmp_path_factory):
    """Redis, prefork."""
    with serving(redis_broker(redis), tmp_path_factory.mktemp("prefork")) as place:
        yield place


@pytest.fixture(scope="module")
def on_threads(redis, tmp_path_factory):
    """Redis, threads: a pool that cannot end a task."""
    with serving(redis_broker(redis), tmp_path_factory.mktemp("threads"), pool="threads") as place:
        yield place


@pytest.fixture(scope="module")
def on_classic(rabbitmq, redis, tmp_path_factory):
    """Classic queues of RabbitMQ with results in Redis, prefork."""
    with serving(rabbitmq_broker(rabbitmq, redis), tmp_path_factory.mktemp("classic")) as place:
        yield place


@pytest.fixture(scope="module")
def on_quorum(rabbitmq, redis, tmp_path_factory):
    """Quorum queues of RabbitMQ with results in Redis, prefork."""
    with serving(rabbitmq_broker(rabbitmq, redis), tmp_path_factory.mktemp("quorum"), settings=QUORUM) as place:
        yield place


class CeleryFixtures(contract.Fixtures):
    """What the four have in common."""

    place: Place
    wait_s = 30.0
    absent = "redis://:{password}@127.0.0.1:{port}/0"

    def make_backend(self):
        """A producer on the broker of the module."""
        broker = self.place.broker
        params = {"broker_url": broker.url, "result_backend": broker.results, "extra_settings": self.place.settings}
        return CeleryBackend(BackendConfig("celery", params), plan=WorkerPlan())

    def worker_environment(self, folder):
        """A worker of the test's own; on Redis what a killed worker had comes back soon."""
        again = {"visibility_timeout": VISIBILITY_S, "unacked_restore_interval": 1, "unacked_restore_throttle": 1}
        soon = {"broker_transport_options": again} if self.place.broker.kind == "redis" else {}
        write_celeryconfig(folder, {**soon, **self.place.settings})
        return self.place.broker.environment()

    def make_unreachable(self, password):
        """A producer for a server that is not there."""
        url = self.absent.format(password=password, port=free_port())
        results = f"redis://:{password}@127.0.0.1:{free_port()}/1"
        return CeleryBackend(BackendConfig("celery", {"broker_url": url, "result_backend": results}), plan=WorkerPlan())


@pytest.mark.xdist_group("contract on redis")
class Prefork(CeleryFixtures):
    """Redis, prefork."""

    column = contract_columns.REDIS

    @pytest.fixture(autouse=True)
    def _served(self, on_redis):
        self.place = on_redis


@pytest.mark.xdist_group("contract on redis")
class Threads(CeleryFixtures):
    """Redis, threads."""

    column = contract_columns.THREADS
    lacks = column.lacks

    @pytest.fixture(autouse=True)
    def _served(self, on_threads):
        self.place = on_threads


@pytest.mark.xdist_group("contract on rabbitmq")
class Classic(CeleryFixtures):
    """RabbitMQ, classic queues."""

    column = contract_columns.CLASSIC

    absent = "amqp://user:{password}@127.0.0.1:{port}//"

    @pytest.fixture(autouse=True)
    def _served(self, on_classic):
        self.place = on_classic


@pytest.mark.xdist_group("contract on rabbitmq")
class Quorum(CeleryFixtures):
    """RabbitMQ, quorum queues."""

    column = contract_columns.QUORUM

    absent = "amqp://user:{password}@127.0.0.1:{port}//"

    @pytest.fixture(autouse=True)
    def _served(self, on_quorum):
        self.place = on_quorum


add_suites(globals(), Prefork, Threads, Classic, Quorum)


class TestPreforkWorker(Prefork, contract.WorkerContract):
    """Workers on Redis."""


class TestQuorumWorker(Quorum, contract.WorkerContract):
    """Workers on quorum queues."""
