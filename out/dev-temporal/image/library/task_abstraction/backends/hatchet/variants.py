"""Workflows beside that of a task, made by the producer that needs them: another queue, one run a key, cancelled."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from task_abstraction.backends.hatchet import registered
from task_abstraction.backends.hatchet.connection import Connection
from task_abstraction.backends.hatchet.labels import action, cancelled_variant, variant
from task_abstraction.backends.hatchet.registered import Registered
from task_abstraction.errors import BackendUnavailable

if TYPE_CHECKING:
    from task_abstraction.backends.hatchet.engine import Engine


class Variants:
    """The workflows of a process' submits; each is put now and then, so that it follows the limits of the task."""

    def __init__(self, connection: Connection, known: Registered, engine: Callable[[], "Engine"]) -> None:
        self._at = connection
        self._registered = known
        self._engine = engine
        self._put: dict[str, float] = {}
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
            self._ensure(workflow, name, once=once, moved=elsewhere is not None, limit_s=limit_s)
        return workflow, elsewhere or own

    def cancelled(self, name: str, *, limit_s: float) -> str:
        """The workflow, without namespace, whose runs say that a delayed task was cancelled before it began."""
        workflow = cancelled_variant(name)
        self._ensure(workflow, name, once=False, moved=True, limit_s=limit_s)
        return workflow

    def _ensure(self, workflow: str, name: str, *, once: bool, moved: bool, limit_s: float) -> None:
        put_at = self._put.get(workflow)
        if put_at is not None and time.monotonic() - put_at < registered.LIFETIME_S:
            return
        full = self._at.full_name(workflow)
        try:
            configuration = self._registered.configuration(name, limit_s=limit_s)
        except BackendUnavailable:
            if put_at is None:
                raise
            return  # submits need no REST
        taken_as = action(full, name) if moved else None
        self._engine().put_variant(configuration, full, task=name, action=taken_as, once=once, limit_s=limit_s)
        with self._lock:
            self._put[workflow] = time.monotonic()
