"""Servers of the contract suite: each started once for a run, on its first use."""

from tests.acceptance.conftest import rabbitmq, redis, temporal

__all__ = ["rabbitmq", "redis", "temporal"]
