"""Servers that tests share: each started once for a process of the run, on its first use."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.support import servers
from tests.support.need import need

STARTED = pytest.StashKey[dict[Callable[[], AbstractContextManager[Any]], Any]]()


def started(config: pytest.Config, start: Callable[[], AbstractContextManager[Any]]) -> Any:
    """The server of this process; a fixture alone would start one for each folder that imports it."""
    running = config.stash.setdefault(STARTED, {})
    if start not in running:
        server = start()
        running[start] = server.__enter__()
        config.add_cleanup(lambda: server.__exit__(None, None, None))
    return running[start]


@pytest.fixture(scope="session")
def redis(pytestconfig) -> servers.Redis:
    """A Redis, or a Valkey where no Redis is installed."""
    if servers.program("redis-server") is None:
        need("valkey")
    return started(pytestconfig, servers.redis)


@pytest.fixture(scope="session")
def rabbitmq(pytestconfig) -> servers.RabbitMQ:
    """A RabbitMQ with its management API."""
    need("rabbitmq")
    return started(pytestconfig, servers.rabbitmq)


@pytest.fixture(scope="session")
def temporal(pytestconfig) -> servers.Temporal:
    """A Temporal development server."""
    need("temporal", "temporalio")
    return started(pytestconfig, servers.temporal)
