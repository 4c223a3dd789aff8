"""What is handed to the engine: a task that begins at once, many, one for later, a workflow, the record of a cancel."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from task_abstraction.backends.hatchet import ids
from task_abstraction.backends.hatchet.clients import Clients
from task_abstraction.backends.hatchet.labels import (
    FLOW_KEY,
    ID_KEY,
    INTERPRETER,
    ONCE_KEY,
    QUEUE_KEY,
    STEPS_KEY,
    task_of,
)
from task_abstraction.backends.hatchet.limits import check_arguments
from task_abstraction.backends.hatchet.lookup import Lookup
from task_abstraction.backends.hatchet.options import priority_of
from task_abstraction.backends.hatchet.registered import not_registered
from task_abstraction.codec import encode
from task_abstraction.encryption import Sealer
from task_abstraction.policy import TaskPolicy
from task_abstraction.submitting import Submission
from task_abstraction.workflow_catalogue import WorkflowSubmission
from task_abstraction.workflows import WorkflowStep, layers_of

if TYPE_CHECKING:
    from task_abstraction.backends.hatchet.engine import Run


class Routing(Protocol):
    """What a backend says about the tasks that it submits."""

    @property
    def sealer(self) -> Sealer:
        """Encrypts arguments."""

    def chosen_queue(self, name: str) -> str | None:
        """The queue that somebody chose for a task; None for that of its worker."""

    def queue_for(self, name: str) -> str:
        """The queue of a task where no worker has told one."""

    def policy_for(self, name: str, queue: str | None = None) -> TaskPolicy:
        """Retries, limits and priority of a task on a queue."""


class Submits:
    """The submits of one backend over the clients of one process; each question to the engine has a limit."""

    def __init__(self, routing: Routing, clients: Clients, lookup: Lookup, *, limit_s: float) -> None:
        self._routing = routing
        self._clients = clients
        self._lookup = lookup
        self._limit_s = limit_s

    def task(self, submission: Submission) -> str:
        """Hand over one task, now or for its time, and return its id.

        Raises:
            TaskNotRegistered: no worker has registered the task.
        """
        if submission.due_at is not None and submission.due_at > datetime.now(UTC):
            return self._delayed(submission, submission.due_at)
        task_id = self._clients.engine.submit(self._run_of(submission), limit_s=self._limit_s)
        self._lookup.remember(task_id, submission.name)
        return task_id

    def tasks(self, submissions: Sequence[Submission]) -> list[str]:
        """Hand over many tasks, and return their ids in order; those for later one by one, as the engine takes them.

        Raises:
            TaskNotRegistered: no worker has registered one of them.
        """
        if any(submission.due_at is not None for submission in submissions):
            return [self.task(submission) for submission in submissions]
        runs = [self._run_of(submission) for submission in submissions]
        task_ids = self._clients.engine.submit_many(runs, limit_s=self._limit_s)
        for task_id, submission in zip(task_ids, submissions, strict=True):
            self._lookup.remember(task_id, submission.name)
        return task_ids

    def workflow(self, submission: WorkflowSubmission) -> str:
        """Hand a workflow over and return the id of its run.

        Raises:
            TaskNotRegistered: no worker has registered the task of a step, or runs workflows.
        """
        definition = submission.definition
        self._clients.registered.require(INTERPRETER, limit_s=self._limit_s)
        metadata = {FLOW_KEY: definition.name, STEPS_KEY: str(len(definition.steps))}
        run = self._run(INTERPRETER, self._flow_input(submission), metadata)
        workflow_id = self._clients.engine.submit(run, limit_s=self._limit_s)
        self._lookup.remember(workflow_id, definition.name, steps=len(definition.steps))
        return workflow_id

    def cancelled(self, task_id: str, schedule: Mapping[str, Any]) -> None:
        """Leave a cancelled run, which no worker takes, under the id of a schedule that was deleted.

        The engine forgets a deleted schedule, so that nothing would be left of a delayed task that never began.
        """
        name = task_of(self._clients.connection.short_name(str(schedule["workflowName"])))
        workflow = self._clients.variants.cancelled(name, limit_s=self._limit_s)
        run = self._run(workflow, schedule.get("input") or {}, schedule["additionalMetadata"])
        run_id = self._clients.engine.submit(run, limit_s=self._limit_s)
        self._lookup.begun_as(task_id, run_id)
        self._lookup.cancel_runs([run_id])

    def _run(
        self, workflow: str, envelope: Mapping[str, Any], metadata: Mapping[str, str], *, priority: int | None = None
    ) -> "Run":
        from task_abstraction.backends.hatchet.engine import Run

        full = self._clients.connection.full_name(workflow)
        return Run(workflow=full, envelope=envelope, metadata=metadata, priority=priority)

    def _run_of(self, submission: Submission) -> "Run":
        workflow, metadata = self._target(submission)
        priority = priority_of(submission.options.priority, submission.policy)
        return self._run(workflow, self._routing.sealer.seal_json(submission.envelope), metadata, priority=priority)

    def _target(self, submission: Submission) -> tuple[str, dict[str, str]]:
        """The workflow of a submit, without namespace, and its metadata."""
        key = submission.options.idempotency_key
        chosen = submission.options.queue or self._routing.chosen_queue(submission.name)
        workflow, queue = self._clients.variants.workflow(
            submission.name, queue=chosen, once=key is not None, limit_s=self._limit_s
        )
        metadata = {**submission.headers, QUEUE_KEY: queue or submission.queue}
        if key is not None:
            metadata[ONCE_KEY] = f"{submission.name}:{key}"  # keys belong to the tenant, not to the task
        return workflow, metadata

    def _delayed(self, submission: Submission, due_at: datetime) -> str:
        rest = self._clients.rest
        workflow, metadata = self._target(submission)
        task_id = ids.delayed_id(due_at)
        body: dict[str, Any] = {
            "triggerAt": due_at.astimezone(UTC).isoformat(),
            "input": json.loads(check_arguments(dict(self._routing.sealer.seal_json(submission.envelope)))),
            "additionalMetadata": {**metadata, ID_KEY: task_id},
        }
        priority = priority_of(submission.options.priority, submission.policy)
        if priority is not None:
            body["priority"] = priority
        path = f"{rest.tenant}/workflows/{self._clients.connection.full_name(workflow)}/scheduled"
        if rest.post(path, body, limit_s=self._limit_s) is None:
            raise not_registered(submission.name)
        return task_id

    def _flow_input(self, submission: WorkflowSubmission) -> dict[str, Any]:
        """The definition as the interpreter takes it: each step goes where its submit would go."""
        sealer = self._routing.sealer
        layers = [
            {"parallel": layer.parallel, "steps": [self._step(step) for step in layer.steps]}
            for layer in layers_of(submission.definition)
        ]
        return {
            "layers": layers,
            "initial": sealer.seal_json({"result": submission.initial}),
            "headers": dict(submission.headers),
        }

    def _step(self, step: WorkflowStep) -> dict[str, Any]:
        name, routing = step.task_name, self._routing
        chosen = routing.chosen_queue(name)
        workflow, told = self._clients.variants.workflow(name, queue=chosen, once=False, limit_s=self._limit_s)
        queue = told or routing.queue_for(name)
        priority = priority_of(None, routing.policy_for(name, queue))
        given = routing.sealer.seal_json({"kwargs": encode(step.kwargs or {})})
        return {"workflow": workflow, "queue": queue, "priority": priority, "given": given}
