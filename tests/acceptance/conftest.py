"""Servers that the acceptance tests share: each started once for a run, on its first use."""

from collections.abc import Iterator

import pytest

from tests.support import servers
from tests.support.need import need


@pytest.fixture(scope="session")
def redis() -> Iterator[servers.Redis]:
    """A Redis, or a Valkey where no Redis is installed."""
    if servers.program("redis-server") is None:
        need("valkey")
    with servers.redis() as running:
        yield running


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[servers.RabbitMQ]:
    """A RabbitMQ with its management API."""
    need("rabbitmq")
    with servers.rabbitmq() as running:
        yield running


@pytest.fixture(scope="session")
def temporal() -> Iterator[servers.Temporal]:
    """A Temporal development server."""
    need("temporal", "temporalio")
    with servers.temporal() as running:
        yield running
