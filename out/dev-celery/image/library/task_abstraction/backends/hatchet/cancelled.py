"""What is left of a delayed task that was cancelled before it began: the engine forgets a deleted schedule."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from task_abstraction.backends.hatchet.labels import task_of

if TYPE_CHECKING:
    from task_abstraction.backends.hatchet.backend import HatchetBackend


def record_cancelled(backend: "HatchetBackend", task_id: str, schedule: Mapping[str, Any], *, limit_s: float) -> None:
    """Leave a cancelled run, which no worker takes, under the id of a deleted schedule."""
    from task_abstraction.backends.hatchet.engine import Run

    clients = backend.clients
    name = task_of(clients.connection.short_name(str(schedule["workflowName"])))
    run = Run(
        workflow=clients.connection.full_name(clients.variants.cancelled(name, limit_s=limit_s)),
        envelope=schedule.get("input") or {},
        metadata=schedule["additionalMetadata"],
    )
    run_id = clients.engine.submit(run, limit_s=limit_s)
    backend.lookup.begun_as(task_id, run_id)
    backend.lookup.cancel_runs([run_id])
