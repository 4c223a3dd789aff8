"""Submit, results, cancel, statistics and workers over Hatchet."""

import asyncio
import os
import threading
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from task_abstraction.backends.hatchet.clients import Clients
from task_abstraction.backends.hatchet.connection import connection_of, namespace_of
from task_abstraction.backends.hatchet.letters import HatchetLetterStore
from task_abstraction.backends.hatchet.lookup import Lookup
from task_abstraction.backends.hatchet.options import priority_of
from task_abstraction.backends.hatchet.place import check_place, refuse_cut
from task_abstraction.backends.hatchet.submits import Submits
from task_abstraction.backends.hatchet.waiting import Waiting
from task_abstraction.base import Submission, TaskBackend
from task_abstraction.codec import decode_result
from task_abstraction.config import BackendConfig, WorkerPlan, read_setting, redact
from task_abstraction.errors import ConfigurationError, UnsupportedFeature
from task_abstraction.models import Feature, QueueStats, SubmitOptions, TaskResult, WorkflowResult
from task_abstraction.policy import TaskPolicy
from task_abstraction.runtime.loop import PROCESS_LOOP
from task_abstraction.tasks import TaskDefinition
from task_abstraction.worker_job import WorkerJob
from task_abstraction.workflow_catalogue import WorkflowSubmission

if TYPE_CHECKING:
    from task_abstraction.backends.hatchet.worker import LibraryWorker

# ruff: noqa: ANN401 - arguments and results of tasks are anything that JSON can say

if find_spec("hatchet_sdk") is None:  # it is imported at the first submit only, because that takes 2 s
    raise ImportError("No module named 'hatchet_sdk'")


class HatchetBackend(TaskBackend):
    """Tasks on a Hatchet engine."""

    backend_type: ClassVar[str] = "hatchet"

    def __init__(self, config: BackendConfig, *, plan: WorkerPlan | None = None) -> None:
        super().__init__(config, plan=plan)
        self._lock = threading.Lock()
        self._made: tuple[Clients, Lookup] | None = None
        self._worker: LibraryWorker | None = None

    def _built(self) -> tuple[Clients, Lookup]:
        if self._made is None or self._made[0].pid != os.getpid():
            if self._made is not None:
                self._lock = threading.Lock()  # another thread of the parent may have held it
            with self._lock:
                if self._made is None or self._made[0].pid != os.getpid():
                    clients = Clients(connection_of(self.config), self._queue_of_route)
                    self._made = (
                        clients,
                        Lookup(clients, self._decode, self.decoded, sealer=self.sealer, limit_s=self._limit_s),
                    )
        return self._made

    @property
    def clients(self) -> Clients:
        """What talks to the engine."""
        return self._built()[0]

    @property
    def lookup(self) -> Lookup:
        """What finds and awaits runs."""
        return self._built()[1]

    @property
    def _submits(self) -> Submits:
        return Submits(self, *self._built(), limit_s=self._limit_s)

    @property
    def _limit_s(self) -> float:
        """Longest time that one question to the engine may take."""
        seconds: float = read_setting("health_timeout_s")
        return seconds

    def check_settings(self) -> None:
        """Refuse a text that is no token, and addresses that are none."""
        connection_of(self.config)

    def address(self) -> str:
        """The engine's gRPC address."""
        try:
            return redact(connection_of(self.config).host_port)
        except ConfigurationError:
            return super().address()

    def credentials_expire_at(self) -> float | None:
        """End of the token."""
        return connection_of(self.config).expires_at

    def _queue_of_route(self, name: str) -> str | None:
        """Queue of a task that no worker of ours has described: only if this process or its plan knows the name."""
        return self.queue_for(name) if self.is_known(name) else None

    def _decode(self, name: str, value: Any) -> Any:
        definition = self.definition(name)
        return decode_result(None if definition is None else definition.fn, value)

    # Registration and options.

    def check_definition(self, definition: TaskDefinition) -> None:
        """Refuse, besides the table's refusals, a name that would be taken for another one.

        Statistics and scalers read a dot as a path; a namespace is not put before a name that begins with it.
        """
        if "." in definition.name:
            raise ConfigurationError(
                f"task name '{definition.name}': Hatchet takes no dots. Give it another name=", source="name"
            )
        namespace = namespace_of(self.config)
        if namespace and definition.name.startswith(namespace):
            raise ConfigurationError(
                f"task name '{definition.name}' begins with the namespace '{namespace}'. Give it another name=",
                source="name",
            )
        super().check_definition(definition)

    def check_options(self, name: str, options: SubmitOptions) -> None:
        """Refuse, besides the table's refusals, a priority that is none, and a key on a delayed task."""
        super().check_options(name, options)
        priority_of(options.priority, TaskPolicy())
        delayed = options.delay is not None or options.eta is not None
        if delayed and options.idempotency_key is not None:
            raise UnsupportedFeature(
                "hatchet",
                Feature.IDEMPOTENCY,
                name,
                reason="a delayed run is dropped when its key was used before",
                hint="Submit without delay, or without the key",
            )

    # Submit.

    def chosen_queue(self, name: str) -> str | None:
        """The queue that a declaration or a route chose; None where only a default did.

        A producer that knows nothing but the name must not send a task away from the queue that its worker gave it.
        """
        definition = self.definition(name)
        declared = definition.queue if definition is not None else None
        return declared or self._declared.get(name) or self.plan.route_of(name)

    def _send(self, submission: Submission) -> str:
        return self._submits.task(submission)

    def _send_many(self, submissions: Sequence[Submission]) -> list[str]:
        return self._submits.tasks(submissions)

    def _send_workflow(self, submission: WorkflowSubmission) -> str:
        return self._submits.workflow(submission)

    # Results.

    def _look(self, task_id: str) -> TaskResult[Any]:
        return self.lookup.look(task_id)

    def _wait(self, task_id: str, timeout: float) -> TaskResult[Any]:
        return PROCESS_LOOP.run(self._waiting(task_id, timeout).end())

    def _waiting(self, task_id: str, timeout: float, *, value_only: bool = False) -> Waiting:
        clients, lookup = self._built()
        return Waiting(clients, lookup, task_id, timeout, value_only=value_only)

    def _value(self, task_id: str, name: str, timeout: float) -> Any:
        del name  # the stream tells it
        return PROCESS_LOOP.run(self._waiting(task_id, timeout, value_only=True).end()).unwrap()

    async def _avalue(self, task_id: str, name: str, timeout: float) -> Any:  # noqa: ASYNC109 - becomes ResultTimeout
        del name
        end = self._waiting(task_id, timeout, value_only=True).end()
        return (await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(end, PROCESS_LOOP.loop()))).unwrap()

    async def aget_result(self, task_id: str, *, timeout: float | None = None) -> TaskResult[Any]:  # noqa: ASYNC109
        """Do what `get_result` does, from a running loop; waiting holds no thread."""
        if timeout is None:
            return await self._alook(task_id)
        waiting = asyncio.run_coroutine_threadsafe(self._waiting(task_id, timeout).end(), PROCESS_LOOP.loop())
        return await asyncio.wrap_future(waiting)

    def _cancel(self, task_id: str) -> None:
        lookup, rest = self.lookup, self.clients.rest
        run_id = lookup.run_id(task_id)
        if run_id is None:
            schedule = lookup.schedule(task_id)
            if schedule is not None and rest.delete(
                f"{rest.tenant}/workflows/scheduled/{schedule['metadata']['id']}", limit_s=self._limit_s
            ):
                self._submits.cancelled(task_id, schedule)
                return
            run_id = lookup.run_id(task_id)
        if run_id is None or (known := lookup.look(task_id)).is_finished:
            return
        lookup.cancel_runs([run_id])
        if isinstance(known, WorkflowResult):  # its worker ends its steps, too, if there is one now
            lookup.cancel_runs([one for state in ("QUEUED", "RUNNING") for one in lookup.started_by(run_id, state)])

    # Health, statistics and life.

    def _ping(self, timeout_s: float) -> None:
        rest = self.clients.rest
        rest.get(f"{rest.tenant}/workflows", {"limit": "1"}, limit_s=timeout_s)
        self.clients.engine.ping(timeout_s)

    def queue_stats(self, queues: Sequence[str]) -> Mapping[str, QueueStats]:
        """Depth, in flight, age and consumers of each queue; at most 10 s old."""
        return self.clients.statistics.of_queues(queues)

    def dead_letters(self) -> HatchetLetterStore:
        """The failed runs that the engine keeps."""
        return HatchetLetterStore(*self._built(), self.sealer)

    def _close(self) -> None:
        made, self._made = self._made, None
        if made is not None:
            made[0].close()

    def run_worker(
        self, *, queues: Sequence[str] | None = None, concurrency: int | None = None, **options: Any
    ) -> None:
        """Run a worker in this process until it is told to stop; it needs the main thread, and no loop that runs."""
        check_place()
        super().run_worker(queues=queues, concurrency=concurrency, **options)

    def _serve(self, job: WorkerJob) -> None:
        from task_abstraction.backends.hatchet.serving import serve

        refuse_cut(job)
        self._ping(self._limit_s)
        serve(self, job, self.lookup, started=self._keep_worker)

    def _keep_worker(self, worker: "LibraryWorker | None") -> None:
        self._worker = worker

    def _stop(self, job: WorkerJob, *, graceful: bool) -> None:
        if self._worker is not None:
            self._worker.ask_to_stop(graceful=graceful and job.tier.shutdown != "cut")
