"""The engine's gRPC API: submit, the reason of a failure, and the stream of finished runs."""

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]
from grpc_status import rpc_status  # type: ignore[import-untyped, unused-ignore]
from hatchet_sdk.clients.listeners.workflow_listener import PooledWorkflowRunListener
from hatchet_sdk.connection import new_conn
from hatchet_sdk.contracts.dispatcher_pb2 import GetVersionRequest
from hatchet_sdk.contracts.dispatcher_pb2_grpc import DispatcherStub
from hatchet_sdk.contracts.v1.shared.trigger_pb2 import TriggerWorkflowRequest
from hatchet_sdk.contracts.v1.workflows_pb2 import (
    CreateTaskOpts,
    CreateWorkflowVersionRequest,
    GetRunDetailsRequest,
    IdempotencyCollisionError,
    RunStatus,
)
from hatchet_sdk.contracts.v1.workflows_pb2_grpc import AdminServiceStub
from hatchet_sdk.contracts.workflows_pb2 import BulkTriggerWorkflowRequest
from hatchet_sdk.contracts.workflows_pb2_grpc import WorkflowServiceStub
from hatchet_sdk.types.idempotency import TTLBasedIdempotencyConfig

from task_abstraction.backends.hatchet.connection import Connection
from task_abstraction.backends.hatchet.labels import ONCE_KEY
from task_abstraction.backends.hatchet.limits import check_arguments
from task_abstraction.backends.hatchet.sdk import client_config
from task_abstraction.errors import BackendUnavailable

# ruff: noqa: ANN401 - generated gRPC stubs are untyped

BULK_RUNS = 1000
"""Runs in one bulk request: the limit of the engine."""
BULK_BYTES = 3 * 2**20
"""Bytes in one bulk request: the message limit of 4 MiB, with room for framing."""
ONCE_TTL = timedelta(hours=24)
"""How long an idempotency key is remembered."""
log = logging.getLogger("task_abstraction.hatchet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is submitted: the workflow by its full name."""

    workflow: str
    envelope: Mapping[str, Any]
    metadata: Mapping[str, str]
    priority: int | None = None

    def request(self) -> TriggerWorkflowRequest:
        """The message of the engine.

        Raises:
            ValueError: the engine could not hand the arguments on.
        """
        return TriggerWorkflowRequest(
            name=self.workflow,
            input=check_arguments(self.envelope),
            additional_metadata=json.dumps(dict(self.metadata)),
            priority=self.priority,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What the stream says when a run has ended: an error, an output, or neither (cancelled, never taken)."""

    task: str
    error: str
    output: str


class Engine:
    """Channels to one engine; belongs to one process.

    We call the stubs ourselves instead of the SDK's `run`: that one has no time limit, repeats a submit that may have
    been accepted, and makes every submit inside a task a child of that task, which is cancelled with it and
    deduplicated by its index when the parent is repeated.
    """

    def __init__(self, connection: Connection) -> None:
        self._at = connection
        self._config = client_config(connection)
        self._auth = (("authorization", f"bearer {connection.token}"),)
        self._channel: grpc.Channel | None = None
        self._listener: PooledWorkflowRunListener | None = None

    def _open(self) -> grpc.Channel:
        if self._channel is None:
            self._channel = new_conn(self._config, False)
        return self._channel

    def _call(self, method: Any, request: Any, limit_s: float) -> Any:
        """Call within a limit; it waits for the connection, so nothing is sent twice."""
        try:
            return method(request, timeout=limit_s, wait_for_ready=True, metadata=self._auth)
        except grpc.RpcError as error:
            raise self._translated(error, limit_s) from error

    def _translated(self, error: Any, limit_s: float) -> Exception:
        code, details = error.code(), error.details() or ""
        if code in {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INVALID_ARGUMENT}:
            return RefusedError(f"the engine does not take it: {details}")
        if code is grpc.StatusCode.ALREADY_EXISTS:
            return Collision(_existing(error))
        if code in {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNIMPLEMENTED}:
            return Unknown(details)
        # The channel waits ever longer between attempts to connect; a new one tries at once.
        self._drop_channel()
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return self._unavailable(f"no answer within {limit_s:g} s")
        if code in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}:
            return self._unavailable("the token was refused")
        return self._unavailable(f"{code.name}: {details}")

    def _unavailable(self, reason: str) -> BackendUnavailable:
        return BackendUnavailable("hatchet", self._at.host_port, reason)

    def submit(self, run: Run, *, limit_s: float) -> str:
        """Hand over one run and return its id; the id of the earlier run when its key was used before."""
        try:
            answer = self._call(WorkflowServiceStub(self._open()).TriggerWorkflow, run.request(), limit_s)
        except Collision as collision:
            log.info("%s: the idempotency key was used before, by run %s", run.workflow, collision.existing)
            return collision.existing
        return str(answer.workflow_run_id)

    def submit_many(self, runs: Sequence[Run], *, limit_s: float) -> list[str]:
        """Hand over many runs, up to 1000 at a time, and return their ids in order."""
        ids: list[str] = []
        for chunk in chunks([run.request() for run in runs]):
            method = WorkflowServiceStub(self._open()).BulkTriggerWorkflow
            answer = self._call(method, BulkTriggerWorkflowRequest(workflows=chunk), limit_s)
            ids += answer.workflow_run_ids
        return ids

    def put_variant(
        self,
        configuration: Mapping[str, Any],
        workflow: str,
        *,
        task: str,
        action: str | None,
        once: bool,
        limit_s: float,
    ) -> None:
        """Register a workflow that runs a task with the limits of its own workflow; `action` says who takes it."""
        step = configuration["Tasks"][0]
        request = CreateWorkflowVersionRequest(
            name=workflow,
            description=f"Submits of {task} with further options.",
            default_priority=configuration.get("DefaultPriority"),
            tasks=[
                CreateTaskOpts(
                    readable_id=step["ReadableId"],
                    action=action or step["Action"],
                    inputs="{}",
                    timeout=step["Timeout"],
                    schedule_timeout=step["ScheduleTimeout"],
                    retries=step["Retries"],
                    backoff_factor=step.get("RetryBackoffFactor"),
                    backoff_max_seconds=step.get("RetryBackoffMaxSeconds"),
                    slot_requests={"default": 1},
                )
            ],
        )
        if once:
            key = TTLBasedIdempotencyConfig(key_expression=f"additional_metadata.{ONCE_KEY}", ttl=ONCE_TTL)
            request.idempotency.CopyFrom(key.to_proto())
        self._call(AdminServiceStub(self._open()).PutWorkflow, request, limit_s)

    def details(self, run_id: str, *, limit_s: float) -> Mapping[str, Any] | None:
        """What the engine works on, in the form of REST but without times; None for an id that it does not know.

        It tells the reason of a time limit, which REST does not. It calls a task that nobody took cancelled.
        """
        request = GetRunDetailsRequest(external_id=run_id)
        try:
            answer = self._call(AdminServiceStub(self._open()).GetRunDetails, request, limit_s)
        except (Unknown, RefusedError):  # what is too large for a message, REST tells
            return None
        name, run = next(iter(answer.task_runs.items()), ("", None))
        if run is None:
            return None
        return {
            "actionId": name,
            "status": RunStatus.Name(run.status),
            "errorMessage": run.error,
            "output": json.loads(run.output) if run.output else {},
            "additionalMetadata": json.loads(answer.additional_metadata or "{}"),
        }

    def ping(self, limit_s: float) -> None:
        """Return when the engine has answered; one too old to know the question has answered, too."""
        try:
            self._call(
                DispatcherStub(self._open()).GetVersion,  # type: ignore[attr-defined]
                GetVersionRequest(),
                limit_s,
            )
        except Unknown:
            return

    async def finished(self, run_id: str) -> Finished | None:
        """Wait for the end of a run; only on the loop of the process. None when the stream itself ended."""
        if self._listener is None:
            self._listener = PooledWorkflowRunListener(self._config)
        listener = self._listener
        subscription = asyncio.ensure_future(_next_event(listener, run_id))
        try:
            event = await subscription
        finally:
            # The SDK keeps a list for each id that was ever waited for.
            if not listener.to_subscriptions.get(run_id):
                listener.to_subscriptions.pop(run_id, None)
        if event is None:
            self._listener = None
            return None
        results = list(event.results)
        return Finished(
            task=next((result.task_name for result in results), ""),
            error=next((result.error for result in results if result.error), ""),
            output=next((result.output for result in results if result.output), ""),
        )

    def _drop_channel(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def close(self) -> None:
        """Close the channels."""
        self._listener = None
        self._drop_channel()


class RefusedError(ValueError):
    """The engine does not take what it was sent, or cannot send what it was asked for."""


class Unknown(Exception):  # noqa: N818 - an answer, not a failure
    """The engine does not know the id, or the question."""


class Collision(Exception):  # noqa: N818 - an answer, not a failure
    """The idempotency key belongs to an earlier run."""

    def __init__(self, existing: str) -> None:
        self.existing = existing
        super().__init__(existing)


def _existing(error: Any) -> str:
    status = rpc_status.from_call(error)
    for detail in status.details if status is not None else ():
        if detail.Is(IdempotencyCollisionError.DESCRIPTOR):
            found = IdempotencyCollisionError()
            detail.Unpack(found)
            return str(found.existing_run_external_id)
    return ""


async def _next_event(listener: PooledWorkflowRunListener, run_id: str) -> Any:
    try:
        return await listener.subscribe(run_id)
    except (RuntimeError, StopAsyncIteration):
        return None  # the SDK ends all subscriptions when it gives up connecting


def chunks(requests: Sequence[TriggerWorkflowRequest]) -> Iterator[list[TriggerWorkflowRequest]]:
    """Parts of a batch that fit into one request."""
    part: list[TriggerWorkflowRequest] = []
    size = 0
    for request in requests:
        added = request.ByteSize()
        if part and (len(part) == BULK_RUNS or size + added > BULK_BYTES):
            yield part
            part, size = [], 0
        part.append(request)
        size += added
    if part:
        yield part
