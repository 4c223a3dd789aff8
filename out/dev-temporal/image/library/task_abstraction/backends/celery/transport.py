"""Connections to brokers: kombu's with our transports, in a pool of each application that survives a fork.

Redis: a handshake that ends, and one client for each channel. kombu 5.7 makes a client for each command, which takes
about a fifth of the time of a publish: a submit sends two commands, and a worker one for each event.
"""

# ruff: noqa: ANN401 - kombu is untyped here

from typing import Any

from celery.app.amqp import AMQP
from kombu import Connection
from kombu.connection import ConnectionPool, PooledConnection
from kombu.exceptions import OperationalError
from kombu.pools import ProducerPool
from kombu.transport import pyamqp, redis
from redis import SSLConnection
from redis.exceptions import TimeoutError as NoAnswer

from task_abstraction.backends.celery.amqp_transport import BoundedSSLTransport, BoundedTransport

CONNECT_TIMEOUT_S = 5.0
"""Longest time for connecting to Redis, and as long again for TLS, where the settings give none."""

ANSWER_TIMEOUT_S = 30.0
"""Longest wait for an answer of a Redis as a broker; `socket_timeout` of the `broker_transport_options` wins."""


class BoundedSSLConnection(SSLConnection):
    """A TLS connection whose handshake is bound like its connect.

    redis-py 8.1 waits for it as for an answer (from source), and a server that speaks no TLS never answers: a submit
    would wait for minutes.
    """

    def _wrap_socket_with_ssl(self, sock: Any) -> Any:
        sock.settimeout(self.socket_connect_timeout)
        wrapped: Any = super()._wrap_socket_with_ssl(sock)  # type: ignore[no-untyped-call, unused-ignore]
        wrapped.settimeout(self.socket_timeout)
        return wrapped


def bound_handshake(store: Any) -> None:
    """Let a result store on Redis use such connections; its pool is made at first use."""
    options: Any = getattr(store, "connparams", None) or {}
    if options.get("connection_class") is SSLConnection:
        options["connection_class"] = BoundedSSLConnection


class ThriftyChannel(redis.Channel):
    """A channel that keeps its client as long as its pool of connections."""

    connection_class_ssl = BoundedSSLConnection
    socket_connect_timeout = CONNECT_TIMEOUT_S
    socket_timeout = ANSWER_TIMEOUT_S
    _kept: Any = None

    def _put(self, queue: str, message: Any, **options: Any) -> None:
        """Put a message into its list, once: a Redis that hangs has it in its socket, and takes it as it goes on.

        Raises:
            OperationalError: it does not answer; kombu does not send again then, as it would after redis-py's error.
        """
        try:
            super()._put(queue, message, **options)
        except NoAnswer as error:
            raise OperationalError(f"{error}; the task may run nevertheless") from error

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


OURS = {
    redis.Transport: ThriftyTransport,
    pyamqp.Transport: BoundedTransport,
    pyamqp.SSLTransport: BoundedSSLTransport,
}


class LibraryConnection(Connection):
    """A connection that uses our transport where kombu would use its own."""

    def get_transport_cls(self) -> Any:
        """Class of the transport that the URL asks for."""
        found: Any = super().get_transport_cls()
        return OURS.get(found, found)

    def Pool(self, limit: int | None = None, **_: Any) -> "LibraryPool":  # noqa: N802 - kombu's name
        """Pool of such connections: producers take theirs from one."""
        return LibraryPool(self, limit)


class _Pooled(LibraryConnection, PooledConnection):
    pass


class LibraryPool(ConnectionPool):
    """A pool of such connections, which a forked child forgets.

    kombu's own shuts them down there, which ends them for the parent as well (kombu 5.7, measured): what the parent is
    sending just then is sent twice, or fails. Every child counts: those of a worker, and of `multiprocessing`.
    """

    close_after_fork = False

    def new(self) -> Any:
        """Make a connection."""
        settings: Any = self.connection._info(resolve=False)  # noqa: SLF001 - as kombu does it
        pooled: Any = _Pooled  # celery-types knows no pool in its arguments
        return pooled(self, **dict(settings))


class LibraryAMQP(AMQP):
    """`app.amqp` with such connections, and producers on the pool of its application."""

    Connection = LibraryConnection
    _producer_pool: Any

    @property
    def producer_pool(self) -> Any:
        """Pool of producers: kombu's own belongs to all applications with one address, and so does its limit."""
        if self._producer_pool is None:
            app: Any = self.app
            self._producer_pool = app.first(ProducerPool(app.pool, limit=app.pool.limit))
        return self._producer_pool
