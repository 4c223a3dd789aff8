"""Which tasks the engine knows: it takes any name, answers with an id, and loses what no worker has registered.

So every name is looked up before its first submit. A yes is kept: the engine does not forget a registration.
"""

import threading
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from task_abstraction.backends.hatchet.connection import Connection
from task_abstraction.backends.hatchet.labels import ONCE, queue_in
from task_abstraction.backends.hatchet.rest import Rest
from task_abstraction.errors import TaskNotRegistered

PAGE = 100


class Registered:
    """Look-ups of names, with those that were found kept."""

    def __init__(self, rest: Rest, connection: Connection) -> None:
        self._rest = rest
        self._at = connection
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def require(self, workflow: str, *, limit_s: float) -> None:
        """Refuse a workflow that the engine does not know.

        Raises:
            TaskNotRegistered: no worker has registered it.
        """
        if workflow in self._known:
            return
        full = self._at.full_name(workflow)
        if not any(row["name"] == full for row in self._rows({"name": full}, limit_s)):
            raise not_registered(workflow)
        with self._lock:
            self._known.add(workflow)

    def queues_of_tasks(self, *, limit_s: float) -> Mapping[str, str | None]:
        """Every task of the tenant (and namespace) with the queue that its worker wrote down."""
        found: dict[str, str | None] = {}
        for row in self._rows({}, limit_s):
            name = str(row["name"])
            if name.startswith(self._at.namespace) and not name.endswith(ONCE):
                found[self._at.short_name(name)] = queue_in(row.get("description"))
        return found

    def _rows(self, query: Mapping[str, str], limit_s: float) -> Iterator[Mapping[str, Any]]:
        """Workflows of the tenant; `name` finds parts of names, too."""
        for offset in count(0, PAGE):
            wanted = {**query, "limit": str(PAGE), "offset": str(offset)}
            answer = self._rest.get(f"{self._rest.tenant}/workflows", wanted, limit_s=limit_s)
            rows = (answer or {}).get("rows") or []
            yield from rows
            if len(rows) < PAGE:
                return


def not_registered(workflow: str) -> TaskNotRegistered:
    """The refusal; the first line is the same on every backend."""
    name = workflow.removesuffix(ONCE)
    return TaskNotRegistered(
        f"Task '{name}' not registered\n"
        "The engine would lose it: no worker has registered this name. Start a worker that serves its queue first.",
        task_name=name,
    )
