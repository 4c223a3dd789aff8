"""Everything that talks to one engine from one process: built at first use, built anew after a fork."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from task_abstraction.backends.hatchet.connection import Connection
from task_abstraction.backends.hatchet.registered import Registered
from task_abstraction.backends.hatchet.rest import Rest
from task_abstraction.backends.hatchet.stats import Statistics
from task_abstraction.backends.hatchet.variants import Variants

if TYPE_CHECKING:
    from task_abstraction.backends.hatchet.engine import Engine


class Clients:
    """REST at once; gRPC, which needs the SDK, when it is asked for."""

    def __init__(self, connection: Connection, queue_of: Callable[[str], str | None]) -> None:
        self.pid = os.getpid()
        self.connection = connection
        self.rest = Rest(connection)
        self.registered = Registered(self.rest, connection)
        self.variants = Variants(connection, self.registered, lambda: self.engine)
        self.statistics = Statistics(self.rest, self.registered, queue_of)
        self._engine: Engine | None = None

    @property
    def engine(self) -> "Engine":
        """The gRPC side."""
        if self._engine is None:
            from task_abstraction.backends.hatchet.engine import Engine

            self._engine = Engine(self.connection)
        return self._engine

    def close(self) -> None:
        """Close what is open, in the process that opened it."""
        if self.pid != os.getpid():
            return
        self.rest.close()
        if self._engine is not None:
            self._engine.close()
