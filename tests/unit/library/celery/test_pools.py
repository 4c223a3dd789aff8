"""The connections of an application: who shares them, and what a forked child does with them."""

import threading
from concurrent.futures import ThreadPoolExecutor

from celery import Celery

from task_abstraction.backends.celery.backend import CeleryBackend
from task_abstraction.backends.celery.letters import LetterWriter
from task_abstraction.backends.celery.transport import LibraryPool
from task_abstraction.config import BackendConfig, WorkerPlan

MEMORY = "memory://"


def backend_with(limit):
    """A backend whose threads share so many connections."""
    settings = {"broker_url": MEMORY, "extra_settings": {"broker_pool_limit": limit}}
    return CeleryBackend(BackendConfig("celery", settings), plan=WorkerPlan())


def test_a_lower_limit_beside_a_connection_in_use():
    """It holds for its own backend alone; kombu would fail the first submit: pools of one address share a limit."""
    wide, narrow = backend_with(10), backend_with(3)
    try:
        with wide.app.producer_pool.acquire(block=True):
            producers = narrow.app.producer_pool
        assert [producers.limit, producers.connections.limit] == [3, 3]
        assert [wide.app.producer_pool.limit, wide.app.pool.limit] == [10, 10]
    finally:
        wide.close()
        narrow.close()


def test_threads_that_come_at_once_share_one_pool(monkeypatch):
    """Each of them may see none yet: the pools of all but one would keep connections that nobody closes."""
    backend, threads, made = backend_with(10), 8, threading.Barrier(8)
    app = backend.app
    monkeypatch.setattr(app, "_ensure_after_fork", lambda: made.wait(10))
    try:
        with ThreadPoolExecutor(threads) as at_once:
            pools = list(at_once.map(lambda _: app.pool, range(threads)))
        assert len({id(pool) for pool in pools}) == 1
    finally:
        backend.close()


def test_a_backend_leaves_the_pool_of_an_application_alone():
    """A backend in its process does not resize it while it is in use: the application would see an error of kombu's."""
    shop = Celery("shop", broker=MEMORY, set_as_current=False)
    shop.conf.broker_pool_limit = 10
    backend = backend_with(3)
    try:
        with shop.pool.acquire(block=True):
            _ = backend.app.producer_pool
        assert shop.pool.limit == 10
    finally:
        backend.close()
        shop.close()


def test_letters_of_an_application_that_is_not_ours():
    """They go over connections that a fork leaves open, and RabbitMQ confirms each; its other options hold."""
    shop = Celery("shop", broker="amqp://127.0.0.1", set_as_current=False)
    shop.conf.broker_transport_options = {"read_timeout": 7}
    writer = LetterWriter(shop, kind="amqp", wants=lambda _: True)
    try:
        producers = writer.producers
        connections = producers.connections
        assert isinstance(connections, LibraryPool)
        assert not connections.close_after_fork
        assert connections.new().transport_options == {"read_timeout": 7, "confirm_publish": True}
        assert writer.producers is producers
    finally:
        shop.close()


def test_letters_of_our_own_application():
    """They go over the application's connections: a worker needs no second one."""
    backend = backend_with(2)
    try:
        assert LetterWriter(backend.app, kind="redis", wants=lambda _: True).producers is backend.app.producer_pool
    finally:
        backend.close()
