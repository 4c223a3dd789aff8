"""What the backends without a server share: records instead of a broker, capabilities, workflows."""

# ruff: noqa: ANN401 - arguments and results of tasks are anything that JSON can say

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from task_abstraction.base import Submission, TaskBackend
from task_abstraction.capabilities import CAPABILITIES, Capability, Facts, capability
from task_abstraction.config import BackendConfig, WorkerPlan
from task_abstraction.encryption import Sealer
from task_abstraction.errors import TaskNotFound, TaskNotRegistered
from task_abstraction.models import (
    Call,
    Feature,
    QueueStats,
    SubmitOptions,
    Support,
    TaskResult,
    TaskStatus,
    WorkflowResult,
)
from task_abstraction.runtime.execution import describe_error
from task_abstraction.steps import Interpreter, StepCall, bind_step
from task_abstraction.tasks import TaskDefinition
from task_abstraction.testing.attempts import Record, run_attempt
from task_abstraction.worker_job import WorkerJob
from task_abstraction.workflow_catalogue import WorkflowSubmission

REMEDY = "Test it on a real backend"


def table(backend: str, gives: Mapping[Feature, str], reason: str) -> tuple[Capability, ...]:
    """Capability records of a testing backend: what it gives, and the refusal of everything else."""
    return tuple(
        Capability(backend, feature, Support.EMULATED, gives[feature])
        if feature in gives
        else Capability(backend, feature, Support.REFUSED, reason, REMEDY)
        for feature in Feature
    )


class WorkflowRecord:
    """A workflow on its way through this process."""

    def __init__(self, submission: WorkflowSubmission) -> None:
        self.submission = submission
        self.interpreter = Interpreter(submission.definition, submission.initial)
        self.task_ids: list[str] = []
        self.status = TaskStatus.PENDING
        self.error: str | None = None

    def result(self) -> WorkflowResult[Any]:
        """What is known about the workflow."""
        run = self.interpreter
        return WorkflowResult(
            task_id=self.submission.workflow_id,
            task_name=self.submission.definition.name,
            status=self.status,
            result=run.value if self.status is TaskStatus.COMPLETED else None,
            error=self.error,
            steps_completed=run.steps_completed,
            total_steps=run.total_steps,
        )


class LocalBackend(TaskBackend):
    """Keeps records in this process; `like="celery"` refuses what that backend would refuse, with its words."""

    backend_type: ClassVar[str] = "local"

    def __init__(
        self,
        config: BackendConfig | None = None,
        *,
        plan: WorkerPlan | None = None,
        like: str | None = None,
        facts: Facts | None = None,
    ) -> None:
        super().__init__(config or BackendConfig(self.backend_type, {}), plan=plan)
        self._like = like
        self._facts = dict(facts or {})
        self._lock = threading.RLock()
        self._records: dict[str, Record] = {}
        self._flows: dict[str, WorkflowRecord] = {}
        self._keys: dict[tuple[str, str], str] = {}

    @property
    def sealer(self) -> Sealer:
        """Nothing leaves this process, so nothing is encrypted."""
        return Sealer()

    def facts(self) -> Facts:
        """What the conditions of the imitated backend look at."""
        return self._facts

    def capability_of(self, feature: Feature) -> Capability | None:
        """The own record, or a refusal of the backend that this one is like."""
        if self._like is not None:
            theirs = capability(self._like, feature, self._facts, CAPABILITIES)
            if theirs is not None and theirs.support is Support.REFUSED:
                return theirs
        return super().capability_of(feature)

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)

    def runnable(self, name: str) -> TaskDefinition:
        """Definition of a task; its function has to be here, where it runs.

        Raises:
            TaskNotRegistered: the name was only declared.
        """
        found = self.definition(name)
        if found is None:
            raise TaskNotRegistered.task(name)
        return found

    def _enter(self, submission: Submission) -> Record | None:
        """Keep a record of a submission; None where its key is known already."""
        key = submission.options.idempotency_key
        with self._lock:
            if key is not None and (submission.name, key) in self._keys:
                return None
            if key is not None:
                self._keys[submission.name, key] = submission.task_id
            record = self._records[submission.task_id] = Record.of(submission)
        return record

    def _known_id(self, submission: Submission) -> str:
        return self._keys[submission.name, str(submission.options.idempotency_key)]

    def _attempt(self, record: Record) -> float | None:
        """Run one attempt; returns the seconds until the next one, or None at the end of the task."""
        definition = self.runnable(record.submission.name)
        policy = record.submission.policy
        with self._lock:
            record.attempts += 1
            record.status = TaskStatus.RUNNING
            record.started_at = record.started_at or self.now()
        try:
            value = run_attempt(record, definition)
        except Exception as error:  # noqa: BLE001 - the body of a task may raise anything
            with self._lock:
                record.error = describe_error(error)
                if not record.cancel_asked and policy.wants_retry(error, record.attempts):
                    record.status = TaskStatus.PENDING
                    return policy.retry.delay_after(record.attempts)
                record.end(TaskStatus.FAILED, self.now(), error=record.error)
            return None
        with self._lock:
            record.value = value
            record.end(TaskStatus.CANCELLED if record.cancel_asked else TaskStatus.COMPLETED, self.now())
        return None

    def _look(self, task_id: str) -> TaskResult[Any]:
        with self._lock:
            if task_id in self._flows:
                return self.decoded(self._flows[task_id].result())
            record = self._records.get(task_id)
            if record is None:
                raise TaskNotFound(task_id)
            return record.result(self.definition(record.submission.name))

    def _cancel(self, task_id: str) -> None:
        with self._lock:
            flow = self._flows.get(task_id)
            if flow is None and task_id not in self._records:
                raise TaskNotFound(task_id)
            if flow is not None and not flow.result().is_finished:
                flow.status = TaskStatus.CANCELLED
            ended = [self._cancel_one(one) for one in (flow.task_ids if flow else [task_id])]
        for record in ended:
            record.tell()

    def _cancel_one(self, task_id: str) -> Record:
        record = self._records[task_id]
        record.cancel_asked = True
        if record.status is TaskStatus.PENDING:
            record.end(TaskStatus.CANCELLED, self.now())
        return record

    def _serve(self, job: WorkerJob) -> None:
        """Say ready until told to stop: tasks run without a worker."""
        job.health.consumer_ready()
        while not job.stop.wait(0.05):
            job.health.beat()

    def _ping(self, timeout_s: float) -> None:
        """Answer at once."""

    def queue_stats(self, queues: Sequence[str]) -> Mapping[str, QueueStats]:
        """Count the records of each queue."""
        with self._lock:
            found = [(r.submission.queue, r.status) for r in self._records.values()]
        return {
            queue: QueueStats(
                waiting=found.count((queue, TaskStatus.PENDING)), in_flight=found.count((queue, TaskStatus.RUNNING))
            )
            for queue in queues
        }

    def _send_workflow(self, submission: WorkflowSubmission) -> str:
        flow = self._flows[submission.workflow_id] = WorkflowRecord(submission)
        self._begin(flow, flow.interpreter.start())
        return submission.workflow_id

    def _begin(self, flow: WorkflowRecord, calls: Sequence[StepCall]) -> None:
        for call in calls:
            with self._lock:
                if flow.result().is_finished:
                    return
                flow.status = TaskStatus.RUNNING
            definition = self.runnable(call.step.task_name)
            args, kwargs = bind_step(definition.fn, call.previous, call.step.kwargs or {}, first=call.first)
            submission = self.prepare(call.step.task_name, Call(args, kwargs), SubmitOptions())
            flow.task_ids.append(submission.task_id)
            self._send_step(submission, lambda record, index=call.index: self._step_ended(flow, index, record))

    def _send_step(self, submission: Submission, when_done: Any) -> None:
        raise NotImplementedError

    def _step_ended(self, flow: WorkflowRecord, index: int, record: Record) -> None:
        with self._lock:
            if flow.result().is_finished:
                return
            if record.status is not TaskStatus.COMPLETED:
                flow.status, flow.error = record.status, record.error
                return
            following = flow.interpreter.completed(index, record.value)
            if flow.interpreter.is_complete:
                flow.status = TaskStatus.COMPLETED
        self._begin(flow, following)
