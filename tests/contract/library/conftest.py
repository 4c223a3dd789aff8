"""Servers of the contract suite: those of the acceptance tests."""

from tests.acceptance.conftest import rabbitmq, redis, temporal

__all__ = ["rabbitmq", "redis", "temporal"]
