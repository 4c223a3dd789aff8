"""The Celery application: settings from the rendered module or from the environment alone."""

import contextlib
import os
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeVar

from celery import Celery, signals
from celery.app.defaults import NAMESPACES, flatten
from celery.result import AsyncResult

from task_abstraction.backends.celery.control import LibraryControl
from task_abstraction.backends.celery.queues import amqp_with_dead_letters, deliverable, has_quorum_queues
from task_abstraction.backends.celery.sealing import HIDDEN, seal_results, serialization
from task_abstraction.backends.celery.store import with_records
from task_abstraction.backends.celery.tls import check_settings, secured
from task_abstraction.backends.celery.transport import CONNECT_TIMEOUT_S, LibraryAMQP, LibraryPool, bound_handshake
from task_abstraction.backends.celery.unread import refuse_unread
from task_abstraction.config import BackendConfig, WorkerPlan, load_settings_module, read_setting
from task_abstraction.config.settings import DEFAULT_QUEUE
from task_abstraction.context import ENQUEUED_AT_HEADER
from task_abstraction.encryption import Sealer
from task_abstraction.errors import ConfigurationError

T = TypeVar("T")
SETTINGS_MODULE = "celeryconfig"
POOL_TIMEOUT_S = 30.0
"""Longest wait for one of the `broker_pool_limit` connections that the threads of a process share."""
STORE_TIMEOUT_S = 30.0
"""Longest wait for an answer of a result store on Redis, which is asked twice; Celery's own is 120 s."""
NO_RESULTS = "disabled://"
"""Celery's own name for having no result store."""
# Settings that the code of Celery reads although its table of settings does not list them (celery 5.7.0, from source).
UNLISTED = frozenset(
    {"redis_backend_health_check_interval", "redis_backend_credential_provider", "redis_client_name"}
    | {"result_backend_thread_safe"}
)
DEFAULTS: Mapping[str, Any] = {
    "broker_connection_retry_on_startup": True,
    "broker_channel_error_retry": True,
    "broker_pool_acquire_timeout": POOL_TIMEOUT_S,
    "redis_socket_connect_timeout": CONNECT_TIMEOUT_S,
    "redis_socket_keepalive": True,
    "redis_socket_timeout": STORE_TIMEOUT_S,
    "redis_retry_on_timeout": True,
    "result_expires": 86400,
    "worker_prefetch_multiplier": 1,
}
# What the library is built on; a rendered module that says otherwise is overruled.
REQUIRED: Mapping[str, Any] = {
    "accept_content": ["json"],
    "result_accept_content": ["json"],
    "task_serializer": "json",
    "result_serializer": "json",
    "task_track_started": True,
    "worker_hijack_root_logger": False,
}


class QuietResult(AsyncResult[Any]):
    """A result whose finaliser says nothing of a store that is away: it runs at any time, and nobody listens."""

    def __del__(self) -> None:
        with contextlib.suppress(RuntimeError, OSError):
            super().__del__()


class LibraryCelery(Celery):
    """A Celery application: stored results also say task, attempts and start, and delayed tasks keep their queue."""

    sealer = Sealer()
    control_cls: Any = LibraryControl
    _pool: Any = None

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - of Celery
        self._made: dict[tuple[int, type], Any] = {}
        super().__init__(*args, **options)

    def first(self, made: T) -> T:
        """What the first thread of this process has made of this kind: threads that come at once all take that one.

        A second pool would have a limit of its own, and connections that nobody closes. There is no lock that a child
        could inherit locked.
        """
        found: T = self._made.setdefault((os.getpid(), type(made)), made)
        return found

    @property
    def pool(self) -> Any:  # noqa: ANN401 - kombu's ConnectionPool
        """Connections of this application alone.

        Celery's belong to all applications with one address: each sets its own limit for all pools of the process, and
        fails where that is lower and a connection in use (kombu 5.7, measured).
        """
        if self._pool is None:
            self._ensure_after_fork()  # type: ignore[attr-defined, unused-ignore]  # absent from celery-types
            self._pool = self.first(LibraryPool(self.connection_for_write(), limit=self.conf.broker_pool_limit))
        return self._pool

    def send_task(self, name: str, args: Any = None, kwargs: Any = None, **options: Any) -> Any:  # type: ignore[override]  # noqa: ANN401
        """Send a task; every submit and every repetition comes through here."""
        if has_quorum_queues(self.conf):
            options = deliverable(options, lambda queue: queue in self.amqp.queues)
        if self.sealer.seals:
            options |= {"argsrepr": HIDDEN, "kwargsrepr": HIDDEN}
        return super().send_task(name, args, kwargs, **options)

    @cached_property
    def AsyncResult(self) -> Any:  # noqa: ANN401, N802 - Celery's name for the class of results
        """The class of results; canvas makes one for each step, also where nobody asks for it."""
        return self.subclass_with_self(QuietResult, name="AsyncResult")

    def _get_backend(self) -> Any:  # noqa: ANN401 - a class chosen by URL
        backend = super()._get_backend()  # type: ignore[misc]  # private, and absent from celery-types
        seal_results(backend, self.sealer)
        bound_handshake(backend)
        return with_records(backend)


def known_settings() -> frozenset[str]:
    """Names that the installed Celery reads; every other name would be ignored in silence."""
    listed: Any = flatten(NAMESPACES)
    return frozenset(name for name, _ in listed) | UNLISTED


def rendered_settings() -> dict[str, Any]:
    """The names of the rendered settings module, or nothing.

    Raises:
        ConfigurationError: the module has a setting that Celery does not read.
    """
    module = load_settings_module(SETTINGS_MODULE)
    if module is None:
        return {}
    known = known_settings()
    refuse_unread(vars(module), known, str(module.__file__))
    return {name: value for name, value in vars(module).items() if name in known}


def result_store(config: BackendConfig, rendered: Mapping[str, Any]) -> str:
    """URL of the result store: the configuration's, else the rendered one, else none where no task keeps a result.

    Raises:
        ConfigurationError: results are kept and nothing says where.
    """
    url = config.connection_params.get("result_backend") or rendered.get("result_backend")
    if url:
        return str(url)
    if rendered and not rendered.get("task_ignore_result"):
        raise ConfigurationError(
            "Invalid environment configuration for backend: celery\nSet CELERY_RESULT_BACKEND: tasks keep results",
            source="CELERY_RESULT_BACKEND",
        )
    return NO_RESULTS


def make_app(config: BackendConfig, plan: WorkerPlan, *, kind: str = "", sealer: Sealer | None = None) -> LibraryCelery:
    """Build the application: defaults < rendered settings < what the library is built on < the connection."""
    params = config.connection_params
    rendered = rendered_settings()
    on_rabbitmq = kind == "amqp"
    amqp = amqp_with_dead_letters(plan.keeps_dead_letters) if on_rabbitmq else LibraryAMQP
    app = LibraryCelery("task_abstraction", amqp=amqp, set_as_current=False)
    # Not `result_backend`: CELERY_RESULT_BACKEND would win over it, whatever the caller's configuration says.
    app.backend_cls = secured(result_store(config, rendered), "CELERY_RESULT_BACKEND").url
    queue = {"task_default_queue": read_setting("default_queue") or plan.default_queue or DEFAULT_QUEUE}
    app.sealer = sealer or Sealer()
    app.conf.update({**DEFAULTS, **queue, **rendered, **REQUIRED, **serialization(app.sealer)})
    if params.get("broker_url"):
        # Not `broker_url`: CELERY_BROKER_URL would win over it, whatever the caller's configuration says.
        broker = secured(str(params["broker_url"]), "CELERY_BROKER_URL")
        app.conf.update(broker_read_url=broker.url, broker_write_url=broker.url)
        if broker.options:
            app.conf.update(broker_use_ssl={**broker.options, **(rendered.get("broker_use_ssl") or {})})
    if params.get("extra_settings"):
        app.conf.update(params["extra_settings"])
    if on_rabbitmq:
        # Without confirms a submit returns before the broker has the task; other options must not switch them off.
        app.conf.broker_transport_options = {"confirm_publish": True, **(app.conf.broker_transport_options or {})}
    check_settings(app.conf)
    return app


@signals.before_task_publish.connect  # type: ignore[untyped-decorator, unused-ignore]
def stamp_enqueue_time(headers: dict[str, Any] | None = None, **_: object) -> None:
    """Stamp what others publish through this process (beat, canvas, retries): Celery messages carry no time."""
    if headers is not None:
        headers.setdefault(ENQUEUED_AT_HEADER, f"{time.time():.6f}")
