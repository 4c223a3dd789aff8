"""Which tasks the engine knows: it takes any name, answers with an id, and loses what no worker has registered.

So every name is looked up before its first submit. A yes is kept for a minute: a worker may register the task anew,
with another queue or other limits.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from task_abstraction.backends.hatchet.connection import Connection
from task_abstraction.backends.hatchet.labels import queue_in
from task_abstraction.backends.hatchet.rest import Rest
from task_abstraction.errors import BackendUnavailable, TaskNotRegistered

PAGE = 100
LIFETIME_S = 60.0
"""How long a producer goes on with what it knows of a task; a look-up takes 6 ms (measured)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the engine knows about a task."""

    workflow_id: str
    queue: str | None
    """what its worker wrote down; None for a worker that is not ours"""


class Registered:
    """Look-ups of names, with those that were found kept."""

    def __init__(self, rest: Rest, connection: Connection) -> None:
        self._rest = rest
        self._at = connection
        self._known: dict[str, tuple[float, Registration]] = {}
        self._lock = threading.Lock()

    def require(self, name: str, *, limit_s: float) -> Registration:
        """Return the registration of a task.

        Raises:
            TaskNotRegistered: no worker has registered it.
        """
        known = self._known.get(name)
        if known is not None and time.monotonic() - known[0] < LIFETIME_S:
            return known[1]
        try:
            found = self._look_up(name, limit_s)
        except BackendUnavailable:
            if known is None:
                raise
            return known[1]  # submits need no REST
        with self._lock:
            self._known[name] = time.monotonic(), found
        return found

    def _look_up(self, name: str, limit_s: float) -> Registration:
        full = self._at.full_name(name)
        row = next((row for row in self._rows({"name": full}, limit_s) if row["name"] == full), None)
        if row is None:
            raise not_registered(name)
        return Registration(workflow_id=str(row["metadata"]["id"]), queue=queue_in(row.get("description")))

    def configuration(self, name: str, *, limit_s: float) -> Mapping[str, Any]:
        """Limits and repetitions of a task, as its worker registered them."""
        workflow = self.require(name, limit_s=limit_s).workflow_id
        version = self._rest.get(f"/api/v1/workflows/{workflow}/versions", limit_s=limit_s)
        if version is None:
            raise not_registered(name)
        found: Mapping[str, Any] = version["workflowConfig"]
        return found

    def queues_of_tasks(self, *, limit_s: float) -> Mapping[str, str | None]:
        """Every task of the tenant (and namespace) with the queue that its worker wrote down."""
        found: dict[str, str | None] = {}
        for row in self._rows({}, limit_s):
            name = self._at.short_name(str(row["name"]))
            if str(row["name"]).startswith(self._at.namespace) and "." not in name:
                found[name] = queue_in(row.get("description"))
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


def not_registered(name: str) -> TaskNotRegistered:
    """The refusal; the first line is the same on every backend."""
    return TaskNotRegistered(
        f"Task '{name}' not registered\n"
        "The engine would lose it: no worker has registered this name. Start a worker that serves its queue first.",
        task_name=name,
    )
