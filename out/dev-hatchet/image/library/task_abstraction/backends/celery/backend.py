"""Submit, results, cancel and workers over Celery."""

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

import amqp.exceptions
import kombu.exceptions
import redis.exceptions
from celery.backends.redis import RedisBackend
from celery.exceptions import BackendError

from task_abstraction.backends.celery import probe, visibility, worker, workflows
from task_abstraction.backends.celery.application import NO_RESULTS, LibraryCelery, make_app
from task_abstraction.backends.celery.cancelled import file_cancel
from task_abstraction.backends.celery.letter_store import CeleryLetterStore
from task_abstraction.backends.celery.letters import LetterWriter
from task_abstraction.backends.celery.queues import has_quorum_queues
from task_abstraction.backends.celery.results import close_idle, close_store, to_result
from task_abstraction.backends.celery.schedules import last_sends
from task_abstraction.backends.celery.store import SUBMITTED, WORKFLOW, put_new
from task_abstraction.backends.celery.waiting import NotAwaitable, end_of
from task_abstraction.base import Submission, TaskBackend
from task_abstraction.codec import decode_result, encode
from task_abstraction.config import BackendConfig, WorkerPlan, redact
from task_abstraction.config.redaction import remember_secrets_of
from task_abstraction.errors import BackendUnavailable, TaskNotFound
from task_abstraction.models import Feature, QueueStats, SubmitOptions, TaskResult, WorkflowResult
from task_abstraction.tasks import TaskDefinition
from task_abstraction.worker_job import WorkerJob
from task_abstraction.workflow_catalogue import WorkflowSubmission

OUTAGES = (
    kombu.exceptions.OperationalError,
    redis.exceptions.RedisError,
    amqp.exceptions.AMQPError,  # a login that is refused, a virtual host that is not there
    BackendError,
    OSError,
)
BROKER_KINDS = {
    "redis": "redis",
    "rediss": "redis",
    "sentinel": "redis",
    "amqp": "amqp",
    "amqps": "amqp",
    "pyamqp": "amqp",
    "memory": "memory",
    "sqs": "sqs",
}


class CeleryBackend(TaskBackend):
    """Celery on Redis or RabbitMQ."""

    backend_type: ClassVar[str] = "celery"

    def __init__(self, config: BackendConfig, *, plan: WorkerPlan | None = None) -> None:
        super().__init__(config, plan=plan)
        # One for each process: that of the parent may have been held as it forked.
        self._locks: dict[int, threading.Lock] = {}
        self._app: LibraryCelery | None = None
        self._pid: int | None = None

    def check_settings(self) -> None:
        """Refuse settings that Celery does not have, and results without a store."""
        _ = self.app

    @property
    def app(self) -> LibraryCelery:
        """The Celery application, made at first use and made anew in a forked process."""
        app, pid = self._app, os.getpid()
        if app is not None and self._pid == pid:
            return app
        with self._locks.setdefault(pid, threading.Lock()):
            if self._app is None or self._pid != pid:
                remember_secrets_of(self.config.connection_params)
                self._app, self._pid = self._make_app(), pid
            return self._app

    def _make_app(self) -> LibraryCelery:
        return make_app(self.config, self.plan, kind=self.broker_kind, sealer=self.sealer)

    def address(self) -> str:
        """Host, port and database of the broker."""
        return redact(str(self.config.connection_params.get("broker_url", "")))

    @property
    def broker_kind(self) -> str:
        """The capability table's word for the broker."""
        scheme = urlsplit(str(self.config.connection_params.get("broker_url", ""))).scheme
        return BROKER_KINDS.get(scheme.partition("+")[0], scheme)

    def facts(self) -> Mapping[str, object]:
        """Broker, queue type and pool."""
        pool = self._job.tier.pool if self._job is not None else "prefork"
        quorum = self.broker_kind == "amqp" and has_quorum_queues(self.app.conf)
        return {"broker": self.broker_kind, "pool": pool, "quorum": quorum, "results": self._keeps_results}

    @property
    def _keeps_results(self) -> bool:
        return self._app is None or self._app.backend_cls != NO_RESULTS

    @contextlib.contextmanager
    def _reaching(self, address: str | None = None) -> Iterator[None]:
        try:
            yield
        except OUTAGES as error:
            reason = redact(str(error)) or type(error).__name__
            where = self.address() if address is None else redact(address)
            raise BackendUnavailable("celery", where, reason) from error

    def check_options(self, name: str, options: SubmitOptions) -> None:
        """Refuse, besides the table's refusals, a delay that Redis would deliver again and again."""
        super().check_options(name, options)
        asked = visibility.delay_of(options)
        if asked is not None:
            visibility.refuse(asked, kind=self.broker_kind, conf=self.app.conf, name=name)

    def check_definition(self, definition: TaskDefinition) -> None:
        """Refuse, besides the table's refusals, retries so far apart that Redis would deliver them again and again."""
        super().check_definition(definition)
        asked = visibility.delay_of_retries(definition.retry)
        if asked is not None:
            visibility.refuse(asked, kind=self.broker_kind, conf=self.app.conf, name=definition.name)

    def _send(self, submission: Submission) -> str:
        policy, options = submission.policy, submission.options
        expires = options.expires.total_seconds() if options.expires is not None else policy.expires_s
        asked = self.app.conf.task_ignore_result if policy.ignore_result is None else policy.ignore_result
        ignore = bool(asked) or not self._keeps_results
        if not ignore:
            self._mark(submission.name, submission.task_id, SUBMITTED, until=submission.due_at)
        try:
            with self._reaching():
                self.app.send_task(
                    submission.name,
                    args=submission.envelope["args"],
                    kwargs=submission.envelope["kwargs"],
                    task_id=submission.task_id,
                    queue=submission.queue,
                    headers=dict(submission.headers),
                    eta=submission.due_at,
                    expires=expires,
                    priority=options.priority if options.priority is not None else policy.priority,
                    ignore_result=ignore,
                )
        except BackendUnavailable:
            if not ignore:
                self._unmark(submission.task_id)
            raise
        return submission.task_id

    def _mark(
        self, name: str, task_id: str, state: str, value: object = None, *, until: datetime | None = None
    ) -> None:
        with self._reaching(self._result_address()):
            put_new(self.app.backend, name, task_id, state, value, until=until)

    def _unmark(self, task_id: str) -> None:
        try:
            self.app.backend.forget(task_id)
        except OUTAGES:
            return  # the broker's outage is what the caller hears of; the marker expires by itself

    def _result_address(self) -> str:
        return str(self.config.connection_params.get("result_backend", ""))

    def _decode(self, name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        definition = self.definition(name)
        return decode_result(None if definition is None else definition.fn, value)

    def _look(self, task_id: str) -> TaskResult[Any]:
        if self.app.backend_cls == NO_RESULTS:
            self.require(Feature.RESULTS, "*")
        with self._reaching(self._result_address()):
            meta = self.app.backend.get_task_meta(task_id, cache=False)
        if meta.get("status") == WORKFLOW:
            return self.decoded(workflows.state_of(task_id, meta["result"], self._look))
        return to_result(task_id, meta, self._decode)

    def _send_workflow(self, submission: WorkflowSubmission) -> str:
        self.require(Feature.RESULTS, submission.definition.name)
        canvas = workflows.build(self.app, submission, self.queue_for, encode)
        name = submission.definition.name
        self._mark(name, submission.workflow_id, WORKFLOW, workflows.record_of(submission.definition, canvas))
        try:
            with self._reaching():
                canvas.signature.apply_async()
        except BackendUnavailable:
            self._unmark(submission.workflow_id)
            raise
        return submission.workflow_id

    def _wait(self, task_id: str, timeout: float) -> TaskResult[Any]:
        backend: Any = self.app.backend
        if not isinstance(backend, RedisBackend):
            # Others are asked again and again by Celery itself, which does not stop at an unknown id.
            known = self._look(task_id)
            if known.is_finished:
                return known
            if isinstance(known, WorkflowResult):
                return super()._wait(task_id, timeout)
        try:
            meta = end_of(self.app, task_id, timeout, lambda: self._reaching(self._result_address()))
        except NotAwaitable as answer:
            if answer.state == WORKFLOW:
                return super()._wait(task_id, timeout)
            raise TaskNotFound(task_id) from None
        return to_result(task_id, meta, self._decode)

    def _cancel(self, task_id: str) -> None:
        known = self._look(task_id)
        if known.is_finished:
            return
        names = {task_id: known.task_name}
        if isinstance(known, WorkflowResult):
            with self._reaching(self._result_address()):
                names = workflows.task_names(self.app.backend.get_task_meta(task_id, cache=False)["result"])
        with self._reaching(self._result_address()):
            for one, name in names.items():
                file_cancel(self.app.backend, one, name)
        with self._reaching():
            self.app.control.revoke(list(names), terminate=True)

    def _ping(self, timeout_s: float) -> None:
        probe.ping(self.app, timeout_s=timeout_s, reaching=self._reaching, result_address=self._result_address())

    def queue_stats(self, queues: Sequence[str]) -> Mapping[str, QueueStats]:
        """Depth, in flight, age and consumers of each queue."""
        with self._reaching():
            return probe.queue_stats(
                self.app,
                queues,
                kind=self.broker_kind,
                management_url=self.config.connection_params.get("management_url"),
            )

    def schedules_sent_at(self, names: Sequence[str]) -> Mapping[str, float]:
        """Last send of each schedule, as beat recorded it; nothing while the result store is away."""
        try:
            return last_sends(self.app, names)
        except OUTAGES:
            return {}

    def dead_letters(self) -> CeleryLetterStore:
        """The dead letters of this broker; memory and SQS have no place for them."""
        self.require(Feature.DEAD_LETTER, "*")
        return CeleryLetterStore(self.app, kind=self.broker_kind, reaching=self._reaching)

    def _serve(self, job: WorkerJob) -> None:
        letters = LetterWriter(self.app, kind=self.broker_kind, wants=self.plan.keeps_dead_letters)
        worker.configure(self.app, job, letters, self.plan)
        worker.run(self.app, job, self.address(), letters=letters, forget_job=self._in_child)

    def _in_child(self) -> None:
        self._pid = os.getpid()
        self._job = None

    def _stop(self, job: WorkerJob, *, graceful: bool) -> None:
        del job
        worker.stop(graceful=graceful)

    def _close(self) -> None:
        app, self._app = self._app, None
        if app is not None and self._pid == os.getpid():
            with contextlib.suppress(*OUTAGES):
                close_store(getattr(app, "_backend", None))  # `app.backend` would make one
            pool = getattr(app, "_pool", None)  # `app.pool` would make one
            if pool is not None:
                with contextlib.suppress(*OUTAGES):
                    close_idle(pool)
            app.close()
