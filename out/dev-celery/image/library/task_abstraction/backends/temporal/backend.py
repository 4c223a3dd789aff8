"""The Temporal backend: submit, results, cancel, statistics; the worker is in its own module."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import ActivityFailureError, Client, WorkflowFailureError, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from task_abstraction.backends.temporal import flows, modes, schedules, statistics, worker
from task_abstraction.backends.temporal.connection import Connection, connect_settings, is_missing_namespace
from task_abstraction.backends.temporal.modes import Handle, Mode
from task_abstraction.backends.temporal.options import step_options, task_options
from task_abstraction.backends.temporal.results import activity_result, workflow_result
from task_abstraction.backends.temporal.sealing import reading
from task_abstraction.backends.temporal.task_workflow import WORKFLOW_NAME as TASK_WORKFLOW
from task_abstraction.base import Submission, TaskBackend
from task_abstraction.codec import decode_result
from task_abstraction.config import BackendConfig, WorkerPlan, load_settings_module
from task_abstraction.config.certificate import certificate_expires_at
from task_abstraction.errors import BackendUnavailable, ResultTimeout, TaskNotFound
from task_abstraction.models import QueueStats, TaskResult
from task_abstraction.runtime.signals import on_stop_signal
from task_abstraction.worker_job import WorkerJob
from task_abstraction.workflow_catalogue import WorkflowSubmission

# ruff: noqa: ANN401 - values of tasks are anything that JSON can say

T = TypeVar("T")
SETTINGS_MODULE = "temporal_settings"


class TemporalBackend(TaskBackend):
    """Tasks on a Temporal server."""

    backend_type = "temporal"

    def __init__(self, config: BackendConfig, *, plan: WorkerPlan | None = None) -> None:
        super().__init__(config, plan=plan)
        self._connection = Connection(config, lambda: self.sealer)
        self._modes: tuple[Client, Mode, bool] | None = None
        self._wake: Callable[[], None] | None = None

    def check_settings(self) -> None:
        """Refuse certificates that cannot be read, and settings that exclude each other."""
        connect_settings(self.config)

    def address(self) -> str:
        """Where the server is, without secrets."""
        return self._connection.address

    def credentials_expire_at(self) -> float | None:
        """End of the client's certificate."""
        certificate = self._connection.certificate
        return certificate_expires_at(certificate) if certificate else None

    async def _ready(self) -> tuple[Client, Mode, bool]:
        """The client, the mode of new tasks, and whether the server knows standalone activities."""
        client = await self._connection.client()
        if self._modes is None or self._modes[0] is not client:
            rendered = getattr(load_settings_module(SETTINGS_MODULE), "SUBMIT", {})
            wanted = modes.parse_mode(str(rendered.get("mode") or self.config.connection_params.get("mode") or "auto"))
            mode = await modes.resolve(wanted, client)
            standalone = mode is Mode.ACTIVITY or await modes.has_standalone_activities(client)
            self._modes = (client, mode, standalone)
        return self._modes

    async def _start(self, submission: Submission) -> str:
        client, mode, _ = await self._ready()
        return await modes.start(client, mode, submission)

    def _send(self, submission: Submission) -> str:
        return self._connection.run(self._start(submission))

    async def _asend(self, submission: Submission) -> str:
        return await self._connection.arun(self._start(submission))

    def _send_many(self, submissions: Sequence[Submission]) -> list[str]:
        async def start_all() -> list[str]:
            return list(await asyncio.gather(*map(self._start, submissions)))

        return self._connection.run(start_all(), float("inf"))

    async def _with_handle(self, task_id: str, use: Callable[[Handle], Awaitable[T]]) -> T:
        """Use the execution of an id, whatever its kind.

        Raises:
            TaskNotFound: the server knows no execution of this id.
        """
        client, mode, standalone = await self._ready()
        for candidate in modes.modes_to_try(mode, standalone=standalone):
            try:
                with reading():
                    return await use(modes.handle_of(client, candidate, task_id))
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND or is_missing_namespace(error):
                    raise
        raise TaskNotFound(task_id)

    async def _describe(self, handle: Handle) -> TaskResult[Any]:
        if isinstance(handle, WorkflowHandle):
            described = await handle.describe()
            if described.workflow_type == TASK_WORKFLOW:
                return self.decoded(await flows.result_of(handle, described))
            seen = await workflow_result(handle, described)
        else:
            seen = await activity_result(handle)
        definition = self.definition(seen.task_name)
        if definition is None or not seen.is_completed:
            return seen
        return replace(seen, result=decode_result(definition.fn, seen.result))

    async def _start_workflow(self, submission: WorkflowSubmission) -> None:
        layers = flows.to_layers(
            submission, self.queue_for, lambda name, queue: step_options(name, self.policy_for(name, queue))
        )
        await flows.start(await self._connection.client(), submission, layers)

    def _send_workflow(self, submission: WorkflowSubmission) -> str:
        self._connection.run(self._start_workflow(submission))
        return submission.workflow_id

    def _look(self, task_id: str) -> TaskResult[Any]:
        return self._connection.run(self._with_handle(task_id, self._describe))

    async def _alook(self, task_id: str) -> TaskResult[Any]:
        return await self._connection.arun(self._with_handle(task_id, self._describe))

    async def _finished_value(self, task_id: str, name: str, timeout: float) -> Any:  # noqa: ASYNC109 - becomes ResultTimeout
        """The value of a task that completes: one long poll, where the whole result takes one to three more calls."""

        async def value(handle: Handle) -> Any:
            try:
                found = await handle.result()
            except (ActivityFailureError, WorkflowFailureError):
                return (await self._describe(handle)).unwrap()
            definition = self.definition(name)
            return decode_result(None if definition is None else definition.fn, found)

        return await self._within(timeout, task_id, value)

    def _value(self, task_id: str, name: str, timeout: float) -> Any:
        return self._connection.run(self._finished_value(task_id, name, timeout), float("inf"))

    async def _avalue(self, task_id: str, name: str, timeout: float) -> Any:  # noqa: ASYNC109 - becomes ResultTimeout
        return await self._connection.arun(self._finished_value(task_id, name, timeout), float("inf"))

    async def _finished(self, task_id: str, timeout: float) -> TaskResult[Any]:  # noqa: ASYNC109 - becomes ResultTimeout
        async def end_of(handle: Handle) -> TaskResult[Any]:
            # A failed task is an answer; its reason is read with the rest of the description.
            with suppress(ActivityFailureError, WorkflowFailureError):
                await handle.result()
            return await self._describe(handle)

        return await self._within(timeout, task_id, end_of)

    async def _within(self, timeout: float, task_id: str, use: Callable[[Handle], Awaitable[T]]) -> T:  # noqa: ASYNC109
        try:
            async with asyncio.timeout(None if timeout == float("inf") else timeout):
                return await self._with_handle(task_id, use)
        except TimeoutError:
            raise ResultTimeout(task_id, timeout) from None

    def _wait(self, task_id: str, timeout: float) -> TaskResult[Any]:
        return self._connection.run(self._finished(task_id, timeout), float("inf"))

    async def aget_result(self, task_id: str, *, timeout: float | None = None) -> TaskResult[Any]:  # noqa: ASYNC109
        """Do what `get_result` does, from a running loop."""
        if timeout is None:
            return await self._alook(task_id)
        return await self._connection.arun(self._finished(task_id, timeout), float("inf"))

    async def _ask_to_cancel(self, task_id: str) -> None:
        async def cancel(handle: Handle) -> None:
            try:
                await handle.cancel()
            except RPCError as error:
                if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                    raise  # else it has ended already

        await self._with_handle(task_id, cancel)

    def _cancel(self, task_id: str) -> None:
        self._connection.run(self._ask_to_cancel(task_id))

    async def _acancel(self, task_id: str) -> None:
        await self._connection.arun(self._ask_to_cancel(task_id))

    def _ping(self, timeout_s: float) -> None:
        async def ask() -> None:
            # Not the system's own health: a namespace that is missing, or refused, is of no use to a worker.
            client = await self._connection.client()
            request = DescribeNamespaceRequest(namespace=client.namespace)
            await client.workflow_service.describe_namespace(request)

        self._connection.run(ask(), timeout_s)

    def queue_stats(self, queues: Sequence[str]) -> Mapping[str, QueueStats]:
        """Waiting, in flight, age and consumers of each queue."""

        async def ask() -> Mapping[str, QueueStats]:
            client, _, standalone = await self._ready()
            if self.plan.kind != "task_abstraction":
                told = await asyncio.gather(*(statistics.foreign_stats(client, queue) for queue in queues))
                return dict(zip(queues, told, strict=True))
            steps = await flows.unfinished(client)
            found = await asyncio.gather(
                *(statistics.queue_stats(client, queue, standalone=standalone, steps=steps) for queue in queues)
            )
            return dict(zip(queues, found, strict=True))

        return self._connection.run(ask())

    def _serve(self, job: WorkerJob) -> None:
        try:
            with on_stop_signal(self.stop):
                asyncio.run(
                    worker.serve(
                        self.config,
                        job,
                        self.sealer,
                        on_stop=self._set_wake,
                        on_connect=lambda client: self._keep_schedules(client, job.queues),
                    )
                )
        finally:
            self._wake = None

    def _own_schedules(self) -> dict[str, str]:
        """The schedules of the plan on this backend: name and queue."""
        queues = {name: plan.queue or self.queue_for(plan.task) for name, plan in self.plan.schedules.items()}
        mine = set(self.plan.queues_of_backend(self.backend_type))
        return {name: queue for name, queue in queues.items() if queue in mine}

    async def _keep_schedules(self, client: Client, served: Sequence[str]) -> None:
        own, profile = self._own_schedules(), self.plan.profile
        entries = [self._schedule_entry(name, queue) for name, queue in own.items() if queue in served]
        await schedules.keep_schedules(client, entries, profile=profile, names=tuple(own))

    def _schedule_entry(self, name: str, queue: str) -> schedules.Entry:
        plan = self.plan.schedules[name]
        options = task_options(self.policy_for(plan.task, queue), priority=plan.priority)
        options.expires_s = plan.expires_s
        schedule_id = schedules.schedule_id(self.plan.profile, name)
        return schedules.Entry(schedule_id=schedule_id, plan=plan, queue=queue, options=options)

    def schedules_sent_at(self, names: Sequence[str]) -> Mapping[str, float]:
        """Unix time of the last run of each schedule of this backend."""
        wanted = [name for name in names if name in self._own_schedules()]

        async def ask() -> Mapping[str, float]:
            return await schedules.sent_at(await self._connection.client(), self.plan.profile, wanted)

        with suppress(BackendUnavailable):  # the queues' own poll says that the exporter is blind
            return self._connection.run(ask()) if wanted else {}
        return {}

    def _set_wake(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def _stop(self, job: WorkerJob, *, graceful: bool) -> None:
        del job, graceful  # the time that running tasks get is fixed when the worker is built
        if self._wake is not None:
            self._wake()

    def _close(self) -> None:
        self._connection.forget()
        self._modes = None
