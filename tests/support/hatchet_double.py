"""A double of a Hatchet engine: gRPC services, and beside it the small part of REST, that SDK and producer speak.

It proves the SDK side only: that the installed SDK's worker registers, takes, reports, drains and is healthy the way we
drive it, and that our producer reads what comes back. Scheduling, repetitions, timeouts, delays, priorities and figures
are the engine's; a repetition here comes at once. It listens on 127.0.0.1 and answers without looking at the token.
"""

# ruff: noqa: N802, ARG002 - methods and arguments of the services

import contextlib
import json
import queue
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

import grpc
from hatchet_sdk.contracts import dispatcher_pb2 as dispatcher
from hatchet_sdk.contracts import workflows_pb2 as workflows
from hatchet_sdk.contracts.dispatcher_pb2_grpc import DispatcherServicer, add_DispatcherServicer_to_server
from hatchet_sdk.contracts.v1 import workflows_pb2 as admin
from hatchet_sdk.contracts.v1.workflows_pb2_grpc import AdminServiceServicer, add_AdminServiceServicer_to_server
from hatchet_sdk.contracts.workflows_pb2_grpc import WorkflowServiceServicer, add_WorkflowServiceServicer_to_server

from tests.support.hatchet_double_rest import serving_rest
from tests.support.hatchet_token import TENANT, fake_token

VERSION = "v0.104.7"
STEP_EVENTS = {
    dispatcher.STEP_EVENT_TYPE_STARTED: "RUNNING",
    dispatcher.STEP_EVENT_TYPE_COMPLETED: "COMPLETED",
    dispatcher.STEP_EVENT_TYPE_FAILED: "FAILED",
}
ENDS = ("COMPLETED", "FAILED", "CANCELLED")
POLL_S = 0.05
THREADS = 32
"""A stream of a worker or of a waiting producer holds one."""


def now() -> str:
    """The present time, as the engine writes it."""
    return datetime.now(UTC).isoformat()


@dataclass
class Run:
    """A run of a workflow with one task, as the double keeps it."""

    id: str
    workflow: str
    input: str
    metadata: str
    status: str = "QUEUED"
    output: str = ""
    error: str = ""
    repetitions: int = 0
    started_at: str = ""
    finished_at: str = ""
    worker_id: str = ""


@dataclass
class Worker:
    """A worker that has registered."""

    id: str
    request: dispatcher.WorkerRegisterRequest
    assigned: "queue.Queue[dispatcher.AssignedAction]" = field(default_factory=queue.Queue)
    heartbeats: int = 0
    paused: bool = False
    listens: bool = False


class HatchetDouble(DispatcherServicer, AdminServiceServicer, WorkflowServiceServicer):
    """What the SDK and our producer are told, and what the double was told by them."""

    tenant = TENANT

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.workflows: dict[str, admin.CreateWorkflowVersionRequest] = {}
        self.runs: dict[str, Run] = {}
        self.workers: dict[str, Worker] = {}
        self.events: list[dispatcher.StepActionEvent] = []
        self.files = True
        """whether REST tells the present state of a run; the engine files it later than it knows it"""
        self.stopped = threading.Event()
        self.grpc_port = self.rest_port = 0

    # Admin and workflow services.

    def PutWorkflow(self, request, context):
        """Take a registration."""
        with self.lock:
            self.workflows[request.name] = request
        return admin.CreateWorkflowVersionResponse(id=str(uuid.uuid4()), workflow_id=self.workflow_id(request.name))

    def TriggerWorkflow(self, request, context):
        """Take a submit; like the engine, lose one of a name that nobody registered."""
        return workflows.TriggerWorkflowResponse(workflow_run_id=self._submit(request))

    def BulkTriggerWorkflow(self, request, context):
        """Take many submits."""
        return workflows.BulkTriggerWorkflowResponse(workflow_run_ids=map(self._submit, request.workflows))

    def _submit(self, request) -> str:
        run = Run(str(uuid.uuid4()), request.name, request.input, request.additional_metadata)
        with self.lock:
            if request.name in self.workflows:
                self.runs[run.id] = run
                self._assign()
        return run.id

    def GetRunDetails(self, request, context):
        """Tell the state of a run."""
        with self.lock:
            run = self.runs.get(request.external_id)
            if run is None:
                context.abort(grpc.StatusCode.NOT_FOUND, "no such run")
            detail = admin.TaskRunDetail(
                external_id=run.id,
                status=admin.RunStatus.Value(run.status),
                error=run.error,
                output=run.output.encode(),
                readable_id=self.step(run).readable_id,
            )
            return admin.GetRunDetailsResponse(status=detail.status, task_runs={detail.readable_id: detail})

    def step(self, run: Run) -> admin.CreateTaskOpts:
        """The only task of a run's workflow."""
        return self.workflows[run.workflow].tasks[0]

    # Dispatcher.

    def GetVersion(self, request, context):
        """Be of this version."""
        return dispatcher.GetVersionResponse(version=VERSION)

    def Register(self, request, context):
        """Take a worker with its actions, slots and labels."""
        worker = Worker(str(uuid.uuid4()), request)
        with self.lock:
            self.workers[worker.id] = worker
        return dispatcher.WorkerRegisterResponse(tenant_id=TENANT, worker_id=worker.id, worker_name=request.worker_name)

    def Heartbeat(self, request, context):
        """Count a heartbeat."""
        with self.lock:
            self.workers[request.worker_id].heartbeats += 1
        return dispatcher.HeartbeatResponse()

    def ListenV2(self, request, context):
        """Send a worker what is assigned to it, until it hangs up."""
        worker = self.workers[request.worker_id]
        with self.lock:
            worker.listens = True
            self._assign()
        while context.is_active() and not self.stopped.is_set():
            with contextlib.suppress(queue.Empty):
                yield worker.assigned.get(timeout=POLL_S)
        worker.listens = False

    def SendStepActionEvent(self, request, context):
        """Take the report of an attempt; repeat a failed one that may be repeated."""
        with self.lock:
            self.events.append(request)
            run = self.runs[request.task_run_external_id]
            status = STEP_EVENTS.get(request.event_type)
            current = request.retry_count == run.repetitions and run.status not in ENDS
            if status is not None and current:
                self._report(run, status, request)
        return dispatcher.ActionEventResponse(tenant_id=TENANT, worker_id=request.worker_id)

    def _report(self, run: Run, status: str, event: dispatcher.StepActionEvent) -> None:
        run.status = status
        if status == "RUNNING":
            run.started_at = now()
            return
        run.finished_at = now()
        run.output = event.event_payload if status == "COMPLETED" else ""
        run.error = event.event_payload if status == "FAILED" else ""
        if status == "FAILED" and not event.should_not_retry and run.repetitions < self.step(run).retries:
            run.status, run.repetitions, run.worker_id = "QUEUED", run.repetitions + 1, ""
            self._assign()

    def SubscribeToWorkflowRuns(self, request_iterator, context):
        """Tell of runs that have ended, to those who wait for them."""
        asked: queue.Queue[str] = queue.Queue()

        def listen() -> None:
            with contextlib.suppress(grpc.RpcError):
                for request in request_iterator:
                    asked.put(request.workflow_run_id)

        threading.Thread(target=listen, daemon=True).start()
        waiting: set[str] = set()
        while context.is_active() and not self.stopped.is_set():
            with contextlib.suppress(queue.Empty):
                waiting.add(asked.get(timeout=POLL_S))
            for run in [self.runs[one] for one in waiting if self.runs[one].status in ENDS]:
                waiting.discard(run.id)
                result = dispatcher.StepRunResult(
                    task_run_external_id=run.id,
                    task_name=self.step(run).readable_id,
                    error=run.error or None,
                    output=run.output or None,
                )
                yield dispatcher.WorkflowRunEvent(workflow_run_id=run.id, results=[result])

    def _assign(self) -> None:
        """Give every waiting run to a worker that listens, is not paused, and takes its action."""
        for run in self.runs.values():
            step = self.step(run)
            takers = [w for w in self.workers.values() if step.action in w.request.actions]
            ready = next((w for w in takers if w.listens and not w.paused), None)
            if run.status != "QUEUED" or run.worker_id or ready is None:
                continue
            run.worker_id = ready.id
            ready.assigned.put(
                dispatcher.AssignedAction(
                    tenant_id=TENANT,
                    workflow_run_id=run.id,
                    task_id=str(uuid.uuid4()),
                    task_run_external_id=run.id,
                    action_id=step.action,
                    action_type=dispatcher.START_STEP_RUN,
                    action_payload=json.dumps({"input": json.loads(run.input)}),
                    task_name=step.readable_id,
                    retry_count=run.repetitions,
                    additional_metadata=run.metadata,
                    workflow_id=self.workflow_id(run.workflow),
                )
            )

    @staticmethod
    def workflow_id(name: str) -> str:
        """The same id for the same name."""
        return str(uuid.uuid5(uuid.UUID(TENANT), name))

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a worker or producer of the double; the token is one in form only."""
        grpc_address, url = f"127.0.0.1:{self.grpc_port}", f"http://127.0.0.1:{self.rest_port}"
        return {
            "TASK_BACKEND_TYPE": "hatchet",
            "HATCHET_CLIENT_TOKEN": fake_token(server_url=url, grpc_broadcast_address=grpc_address),
            "HATCHET_CLIENT_TLS_STRATEGY": "none",
            "HATCHET_CLIENT_HOST_PORT": grpc_address,
            "HATCHET_CLIENT_SERVER_URL": url,
            "HATCHET_CLIENT_NAMESPACE": "double",
        }


@contextlib.contextmanager
def hatchet_double() -> Iterator[HatchetDouble]:
    """Serve a double on free ports of 127.0.0.1 until the block ends."""
    double = HatchetDouble()
    server = grpc.server(ThreadPoolExecutor(THREADS, thread_name_prefix="double"))
    add_DispatcherServicer_to_server(double, server)
    add_AdminServiceServicer_to_server(double, server)
    add_WorkflowServiceServicer_to_server(double, server)
    double.grpc_port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with serving_rest(double) as double.rest_port:
            yield double
    finally:
        double.stopped.set()
        server.stop(grace=None).wait()
