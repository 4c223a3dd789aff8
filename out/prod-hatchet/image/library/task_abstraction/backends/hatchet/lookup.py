"""Finding the run of an id: in what the engine has filed, in what it works on, among what is still to begin."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from task_abstraction.backends.hatchet import flows, ids, results
from task_abstraction.backends.hatchet.clients import Clients
from task_abstraction.backends.hatchet.labels import ID_KEY, task_of
from task_abstraction.backends.hatchet.sealing import opened_run
from task_abstraction.encryption import Sealer
from task_abstraction.errors import TaskNotFound
from task_abstraction.models import TaskResult, TaskStatus, WorkflowResult

GRACE_S = 0.2
"""A run can be read 9 to 37 ms after its submit (hatchet.md 0, measured); an id that is unknown longer is unknown."""
FILED_S = 1.0
"""How long a look waits for an end that the engine knows to be filed: 9 to 37 ms without a backlog."""
OWN_GRACE_S = 60.0
"""How long a submit of this process is believed while the engine, behind its backlog, cannot show it yet."""
OWN_IDS = 10_000
"""Submits of this process that are remembered."""
TRIGGER_GRACE_S = 2.0
"""A schedule is deleted when it has begun, and its run can be read somewhat later."""
SETTLE_S = 3.0
"""After a failed attempt the next one is filed within some 50 ms, on a machine under load once after 300 (measured)."""
PAUSE_S = 0.02
DELAYED_PAUSE_S = 0.25
LONGEST_SEARCH = timedelta(days=6, hours=23)
"""Window in which the run of a delayed task is searched; a longer one is slow (the SDK warns from 7 days)."""

SEARCH_MARGIN = timedelta(minutes=1)
"""For clocks that differ."""


PAGE = 100
"""Runs that one look at the steps of a workflow lists."""
DecodeWorkflow = Callable[[WorkflowResult[Any]], WorkflowResult[Any]]
"""Rebuild the final value of a workflow."""


class Lookup:
    """Answers about ids; asks the engine each time."""

    def __init__(
        self,
        clients: Clients,
        decode: results.Decode,
        decode_workflow: DecodeWorkflow,
        *,
        sealer: Sealer,
        limit_s: float,
    ) -> None:
        self._clients = clients
        self._decode = decode
        self._decode_workflow = decode_workflow
        self._sealer = sealer
        self._limit_s = limit_s
        self._runs_of: dict[str, str] = {}
        self._own: OrderedDict[str, tuple[TaskResult[Any], float]] = OrderedDict()

    def remember(self, task_id: str, name: str, *, steps: int | None = None) -> None:
        """Note that this process has submitted a task, or a workflow of so many steps."""
        pending: TaskResult[Any] = TaskResult(task_id=task_id, task_name=name, status=TaskStatus.PENDING)
        if steps is not None:
            pending = WorkflowResult(task_id=task_id, task_name=name, status=TaskStatus.PENDING, total_steps=steps)
        self._own[task_id] = pending, time.monotonic()
        while len(self._own) > OWN_IDS:
            self._own.popitem(last=False)

    def begun_as(self, task_id: str, run_id: str) -> None:
        """Note which run a delayed task has."""
        self._runs_of[task_id] = run_id

    def is_own(self, task_id: str) -> bool:
        """Whether this process has submitted the task a moment ago."""
        return task_id in self._own and time.monotonic() - self._own[task_id][1] < OWN_GRACE_S

    def look(self, task_id: str) -> TaskResult[Any]:
        """The present state of a task.

        Raises:
            TaskNotFound: the engine has never seen the id.
        """
        run_id = self.run_id(task_id)
        if run_id is not None:
            return self._look_at_run(task_id, run_id)
        schedule = self.schedule(task_id)
        if schedule is None:  # it began while we looked
            return self.look(task_id)
        name = task_of(self._clients.connection.short_name(str(schedule["workflowName"])))
        return TaskResult(task_id=task_id, task_name=name, status=TaskStatus.PENDING)

    def _look_at_run(self, task_id: str, run_id: str) -> TaskResult[Any]:
        """The state of a run. REST reads what is filed, seconds behind the work under load; gRPC reads the work itself.

        What one process was told, another one may ask for before it is filed: an answer never goes back.
        """
        begin = time.monotonic()
        while True:
            filed = self.read(run_id)
            if filed is not None and results.is_finished(filed):
                return self.result(task_id, filed)
            worked_on = self._clients.engine.details(run_id, limit_s=self._limit_s)
            if worked_on is not None and results.is_completed(worked_on):
                return self.result(task_id, {**(filed or {}), **worked_on})
            ended = worked_on is not None and results.is_finished(worked_on)  # only REST says how: see `details`
            if filed is not None and not ended:
                return self.result(task_id, filed)
            late = time.monotonic() > begin + (FILED_S if ended else GRACE_S)
            if worked_on is not None and (late or not ended):
                return self.result(task_id, {**(filed or {}), **worked_on})
            if late:
                break
            time.sleep(PAUSE_S)
        if self.is_own(task_id):
            return self._own[task_id][0]
        raise TaskNotFound(task_id)

    def run_id(self, task_id: str) -> str | None:
        """Id of the run of a task; None for a delayed one that has not begun.

        Raises:
            TaskNotFound: the text is no id, or a delayed id that neither a run nor a schedule has.
        """
        due = ids.due_at(ids.parse_id(task_id))
        if due is None:
            return task_id
        limit = time.monotonic() + TRIGGER_GRACE_S
        while True:
            found = self._runs_of.get(task_id) or self._search(task_id, due - SEARCH_MARGIN)
            if found is None and self.schedule(task_id) is not None:
                return None
            # A cancelled one has its record from before it was due.
            found = found or self._search(task_id, min(due, datetime.now(UTC)) + SEARCH_MARGIN - LONGEST_SEARCH)
            if found is not None:
                self._runs_of[task_id] = found
                return found
            if time.monotonic() > limit or abs(datetime.now(UTC) - due) > SEARCH_MARGIN:
                raise TaskNotFound(task_id)
            time.sleep(DELAYED_PAUSE_S)

    def _search(self, task_id: str, since: datetime) -> str | None:
        rest = self._clients.rest
        query = {
            "additional_metadata": f"{ID_KEY}:{task_id}",
            "since": since.isoformat(),
            "until": (since + LONGEST_SEARCH).isoformat(),
            "only_tasks": "false",
            "include_payloads": "false",
        }
        answer = rest.get(f"{rest.stable_tenant}/workflow-runs", query, limit_s=self._limit_s)
        rows = (answer or {}).get("rows") or []
        return str(rows[0]["taskExternalId"]) if rows else None

    def schedule(self, task_id: str) -> Mapping[str, Any] | None:
        """The schedule of a delayed task, as long as it has not begun."""
        rest = self._clients.rest
        query = {"additionalMetadata": f"{ID_KEY}:{task_id}"}
        answer = rest.get(f"{rest.tenant}/workflows/scheduled", query, limit_s=self._limit_s)
        rows = (answer or {}).get("rows") or []
        return rows[0] if rows else None

    def read(self, run_id: str) -> Mapping[str, Any] | None:
        """The run as it is filed: its only task has the same id. None while it is not filed."""
        run: Mapping[str, Any] | None = self._clients.rest.get(f"/api/v1/stable/tasks/{run_id}", limit_s=self._limit_s)
        return run

    def _settled(self, task_id: str, run: Mapping[str, Any]) -> Mapping[str, Any]:
        """A run whose state can be believed; a failure that may not be the last is looked at until it is known."""
        run_id = str(run.get("taskExternalId") or task_id)
        until = time.monotonic() + SETTLE_S
        while not results.is_settled(run):
            found = results.settled(run, self._clients.engine.details(run_id, limit_s=self._limit_s))
            if not results.is_finished(found) or results.was_last(found) or time.monotonic() > until:
                return found
            time.sleep(PAUSE_S)
            run = self.read(run_id) or run
        return run

    def result(self, task_id: str, run: Mapping[str, Any]) -> TaskResult[Any]:
        """A run in the words of `TaskResult`."""
        run = opened_run(self._settled(task_id, run), self._sealer)
        if not flows.is_workflow(run):
            return results.to_result(task_id, run, self._decode)
        metadata = run.get("additionalMetadata")
        if metadata is None:  # only the stream has told of it
            metadata = (self._clients.engine.details(task_id, limit_s=self._limit_s) or {}).get(
                "additionalMetadata", {}
            )
        found = flows.to_result(task_id, run, metadata, lambda: len(self.started_by(task_id, "COMPLETED")))
        return self._decode_workflow(found)

    def started_by(self, run_id: str, state: str) -> list[str]:
        """Ids of the runs that a run has started and that are filed in this state."""
        rest = self._clients.rest
        found: list[str] = []
        since = datetime.now(UTC) - LONGEST_SEARCH
        query = {
            "parent_task_external_id": run_id,
            "statuses": state,
            "since": since.isoformat(),
            "only_tasks": "false",
            "include_payloads": "false",
            "limit": str(PAGE),
        }
        while True:
            page = {**query, "offset": str(len(found))}
            answer = rest.get(f"{rest.stable_tenant}/workflow-runs", page, limit_s=self._limit_s)
            rows = (answer or {}).get("rows") or []
            found += [str(row["taskExternalId"]) for row in rows]
            if len(rows) < PAGE:
                return found

    def cancel_runs(self, run_ids: Sequence[str]) -> None:
        """Cancel runs."""
        rest = self._clients.rest
        if run_ids:
            rest.post(f"{rest.stable_tenant}/tasks/cancel", {"externalIds": list(run_ids)}, limit_s=self._limit_s)

    def is_cancelled(self, run_id: str) -> bool:
        """Whether a run was cancelled."""
        worked_on = self._clients.engine.details(run_id, limit_s=self._limit_s)
        return worked_on is not None and worked_on["status"] == "CANCELLED"
