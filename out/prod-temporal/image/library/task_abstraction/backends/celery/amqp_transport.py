"""Connections to RabbitMQ on which nothing waits for ever.

py-amqp 5.3 waits for answers and confirms without a limit: with a broker that hangs, or takes no messages while its
memory or disk is short, a submit would never end (measured). It takes any confirm for the one that it waits for, so a
connection whose wait was broken off is closed; at once, because kombu would wait for the answer to its farewell.
"""

# ruff: noqa: ANN401 - kombu and amqp are untyped here

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from amqp.exceptions import ChannelError, IrrecoverableConnectionError, MessageNacked, RecoverableConnectionError
from kombu.transport import pyamqp

ANSWER_TIMEOUT_S = 20.0
"""Longest wait for an answer or a confirm; `read_timeout` of the `broker_transport_options` wins."""


class NotConfirmedError(IrrecoverableConnectionError):
    """The broker did not say in time that it has a message; kombu does not send it again, because it may have it."""


class BrokerBlockedError(IrrecoverableConnectionError):
    """The broker takes no messages now; nothing was sent."""


@contextlib.contextmanager
def _conversation(connection: Any) -> Iterator[None]:
    """Close a connection whose answer is still outstanding: a refusal is an answer, an interrupted wait is none."""
    try:
        yield
    except (ChannelError, MessageNacked):
        raise
    except BaseException:
        connection.collect()
        raise


def _why(connection: Any) -> str:
    if connection.blocked:
        return "its memory or disk is short, it has taken no message"
    return "it has not confirmed the message"


class BoundedChannel(pyamqp.Channel):
    """A channel whose waits end."""

    def wait(self, method: Any, callback: Any = None, timeout: float | None = None, returns_tuple: bool = False) -> Any:
        """Wait for an answer."""
        with _conversation(self.connection):
            return super().wait(method, callback, timeout, returns_tuple)

    def basic_publish_confirm(
        self, *args: Any, timeout: float | None = None, confirm_timeout: float | None = None, **options: Any
    ) -> Any:
        """Publish, and wait until the broker has the message.

        Raises:
            BrokerBlockedError: it takes none now.
            NotConfirmedError: it did not answer in time.
        """
        connection = self.connection
        if connection is None:
            raise RecoverableConnectionError("connection already closed")
        limit = timeout or connection.answer_timeout_s
        with _conversation(connection):
            connection.wait_until_unblocked()
        try:
            with _conversation(connection):
                confirm = confirm_timeout or limit
                return super().basic_publish_confirm(*args, timeout=limit, confirm_timeout=confirm, **options)
        except (TimeoutError, RecoverableConnectionError) as error:
            # py-amqp words a write that takes too long as a lost connection, which kombu would answer by sending again.
            if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
                raise NotConfirmedError(f"{_why(connection)} for {limit:g} s; the task may run nevertheless") from error
            raise


class BoundedConnection(pyamqp.Connection):
    """A connection whose waits end, and that knows whether the broker has blocked it."""

    Channel = BoundedChannel
    blocked = False

    @property
    def answer_timeout_s(self) -> float:
        """Longest wait for an answer (s)."""
        return float(self.read_timeout or ANSWER_TIMEOUT_S)

    def blocking_read(self, timeout: float | None = None) -> Any:
        """Read a frame; without a limit of the caller's, within ours."""
        return super().blocking_read(self.answer_timeout_s if timeout is None else timeout)

    def _on_blocked(self) -> None:
        self.blocked = True

    def _on_unblocked(self) -> None:
        self.blocked = False

    def wait_until_unblocked(self) -> None:
        """Read what the broker has said; while it takes no messages, wait.

        Raises:
            BrokerBlockedError: it still takes none when the time is over.
        """
        deadline = time.monotonic() + self.answer_timeout_s
        while True:
            left = deadline - time.monotonic() if self.blocked else 0.0
            if left < 0:
                raise BrokerBlockedError(f"{_why(self)} for {self.answer_timeout_s:g} s; nothing was sent")
            try:
                self.drain_events(timeout=left)
            except TimeoutError:
                if not self.blocked:
                    return


class BoundedTransport(pyamqp.Transport):
    """kombu's transport with such connections."""

    Connection = BoundedConnection


class BoundedSSLTransport(pyamqp.SSLTransport):
    """The same over TLS."""

    Connection = BoundedConnection
