"""kombu's Redis transport with one client for each channel.

kombu 5.7 makes a client for each command, which takes about a fifth of the time of a publish: a submit sends two
commands, and a worker one for each event.
"""

# ruff: noqa: ANN401 - kombu is untyped here

from typing import Any

from celery.app.amqp import AMQP
from kombu import Connection
from kombu.connection import ConnectionPool, PooledConnection
from kombu.transport import redis


class ThriftyChannel(redis.Channel):
    """A channel that keeps its client as long as its pool of connections."""

    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        make: Any = super()._create_client  # type: ignore[misc]  # absent from celery-types
        if asynchronous:
            return make(asynchronous=True)
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = make()
        return self._kept


class ThriftyTransport(redis.Transport):
    """The transport with such channels."""

    Channel = ThriftyChannel


class ThriftyConnection(Connection):
    """A connection that uses this transport where kombu would use its own."""

    def get_transport_cls(self) -> Any:
        """Class of the transport that the URL asks for."""
        found = super().get_transport_cls()
        return ThriftyTransport if found is redis.Transport else found

    def Pool(self, limit: int | None = None, **_: Any) -> "ThriftyPool":  # noqa: N802 - kombu's name
        """Pool of such connections: producers take theirs from one."""
        return ThriftyPool(self, limit)


class _Pooled(ThriftyConnection, PooledConnection):
    pass


class ThriftyPool(ConnectionPool):
    """A pool of such connections."""

    def new(self) -> Any:
        """Make a connection."""
        settings: Any = self.connection._info(resolve=False)  # noqa: SLF001 - as kombu does it
        pooled: Any = _Pooled  # celery-types knows no pool in its arguments
        return pooled(self, **dict(settings))


class ThriftyAMQP(AMQP):
    """`app.amqp` with such connections."""

    Connection = ThriftyConnection
