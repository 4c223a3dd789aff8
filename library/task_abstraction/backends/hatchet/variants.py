"""Workflows beside that of a task, made by the producer that needs them: another queue, one run a key, cancelled."""

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from task_abstraction.backends.hatchet.labels import action, cancelled_variant, variant
from task_abstraction.backends.hatchet.registered import Registered

if TYPE_CHECKING:
    from task_abstraction.backends.hatchet.clients import Clients

ONCE_TTL = timedelta(hours=24)
"""How long an idempotency key is remembered."""


class Variants:
    """The workflows of a process' submits; each puts a variant once, so that it follows the limits of the task."""

    def __init__(self, clients: "Clients", registered: Registered) -> None:
        self._clients = clients
        self._registered = registered
        self._put: set[str] = set()
        self._lock = threading.Lock()

    def workflow(self, name: str, *, queue: str | None, once: bool, limit_s: float) -> tuple[str, str | None]:
        """The workflow of a submit, without namespace, and the queue that it goes to.

        Args:
            name: the task.
            queue: the queue that somebody chose; None for the task's own.
            once: whether the submit has an idempotency key.
            limit_s: for each question to the engine.

        Raises:
            TaskNotRegistered: no worker has registered the task.
        """
        own = self._registered.require(name, limit_s=limit_s).queue
        elsewhere = None if queue in (None, own) else queue
        workflow = variant(name, queue=elsewhere, once=once)
        if workflow != name:
            self._put_once(workflow, name, once=once, moved=elsewhere is not None, limit_s=limit_s)
        return workflow, elsewhere or own

    def cancelled(self, name: str, *, limit_s: float) -> str:
        """The workflow, without namespace, whose runs say that a delayed task was cancelled before it began."""
        workflow = cancelled_variant(name)
        self._put_once(workflow, name, once=False, moved=True, limit_s=limit_s)
        return workflow

    def _put_once(self, workflow: str, name: str, *, once: bool, moved: bool, limit_s: float) -> None:
        if workflow in self._put:
            return
        full = self._clients.connection.full_name(workflow)
        configuration = self._registered.configuration(name, limit_s=limit_s)
        taken_as = action(full, name) if moved else None
        self._clients.engine.put_variant(configuration, full, task=name, action=taken_as, once=once, limit_s=limit_s)
        with self._lock:
            self._put.add(workflow)
