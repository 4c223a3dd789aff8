"""One worker of a Celery application that was not written with the library, and what it is given beside its work."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from celery import signals
from celery.app import trace
from celery.worker.request import Request
from kombu.utils.imports import symbol_by_name

from task_abstraction.backends.celery.application import rendered_settings
from task_abstraction.backends.celery.letters import LetterWriter
from task_abstraction.backends.celery.planned import Planned, pool_of, slots_of
from task_abstraction.backends.celery.request import MeteredRequest, measure_with
from task_abstraction.backends.celery.running import INTERNAL
from task_abstraction.backends.celery.unusable import unusable_step
from task_abstraction.backends.celery.worker import SUCCESS_LINE, comparison_step, health_step, in_children
from task_abstraction.config import TierSettings, WorkerPlan, is_production, load_plan, read_setting
from task_abstraction.config.backend import VARIABLES
from task_abstraction.config.redaction import remember_secrets_of
from task_abstraction.config.settings import first_set
from task_abstraction.context import CURRENT, TaskContext
from task_abstraction.differences import StartReport
from task_abstraction.errors import ConfigurationError
from task_abstraction.integrations.celery_routes import compare_application, routes_of
from task_abstraction.integrations.celery_settings import apply
from task_abstraction.policy import effective_policy
from task_abstraction.runtime.health_server import HttpService, health_routes
from task_abstraction.runtime.health_state import HealthState
from task_abstraction.runtime.logs import configure_logging
from task_abstraction.runtime.worker_metrics import UNKNOWN_TASK, WorkerMetrics
from task_abstraction.serving import MISSED_BEATS, count_beats

log = logging.getLogger("task_abstraction.celery")


def adopt(worker: Any) -> None:  # noqa: ANN401 - Celery's WorkController, before its parts are made
    """Give a worker health, metrics, logs, dead letters and the comparison with its plan.

    Raises:
        ConfigurationError: the plan cannot be read, does not know the tier, or the port is taken.
    """
    app = worker.app
    for variables in VARIABLES["celery"].values():
        remember_secrets_of({name: os.environ.get(name) for name in variables})
    _take_logging(app, worker.loglevel)
    plan = load_plan()
    rendered = rendered_settings()
    served = tuple(app.amqp.queues.consume_from)
    tier = tier_of(plan, served)
    apply(app.conf, rendered)
    if tier is not None:
        app.conf.worker_soft_shutdown_timeout = (tier.soft_shutdown_s or 0.0) if tier.shutdown == "cut" else 0.0
    health, metrics = _health(), _metrics(worker, tier)
    health.on_beat.append(lambda lag: count_beats(metrics, lag))
    routes = routes_of(app)
    known = {name: (queue,) if queue in served else () for name, queue in routes.items()}
    metrics.expect({**known, UNKNOWN_TASK: served})
    letters = LetterWriter(app, kind=app.connection_for_write().transport.driver_type, wants=plan.keeps_dead_letters)
    measure_with(app, metrics, letters)
    for task in app.tasks.values():
        task.Request = metered(symbol_by_name(task.Request))
    trace.LOG_SUCCESS = SUCCESS_LINE
    app.steps["consumer"].add(health_step(health))
    app.steps["consumer"].add(unusable_step(letters, metrics))
    if tier is not None:
        report = StartReport(health, metrics, production=is_production())
        report.set("application", compare_application(app, plan, routes))
        planned = _planned(plan, tier, rendered, {name for name, queue in routes.items() if queue in served})
        app.steps["consumer"].add(comparison_step(report, lambda _: planned))
    _serve(app, health, metrics, tier)


def tier_of(plan: WorkerPlan, served: tuple[str, ...]) -> TierSettings | None:
    """The tier that this worker belongs to; None where there is no plan.

    Raises:
        ConfigurationError: the plan has tiers, and not this one.
    """
    name = read_setting("tier")
    if not plan.tiers:
        return None
    if name is not None and name not in plan.tiers:
        raise ConfigurationError(
            f"TASK_TIER: the plan has no tier '{name}', only {', '.join(sorted(plan.tiers))}", source="TASK_TIER"
        )
    found = plan.tier_for(served, name, "celery")
    if found is None:
        raise ConfigurationError(
            f"no tier of the plan serves {', '.join(served)}. Set TASK_TIER, or --queues to those of a tier",
            source="TASK_TIER",
        )
    return found


def metered(request: type[Request]) -> type[Request]:
    """The class of requests of a task, with our counting; a class of the application's own stays underneath."""
    if issubclass(request, MeteredRequest):
        return request
    return MeteredRequest if request is Request else type(f"Metered{request.__name__}", (MeteredRequest, request), {})


def _health() -> HealthState:
    beat_file = read_setting("heartbeat_file")
    limit = MISSED_BEATS * read_setting("health_interval_s")
    return HealthState(limit_s=limit, beat_file=Path(beat_file) if beat_file else None)


def _metrics(worker: Any, tier: TierSettings | None) -> WorkerMetrics:  # noqa: ANN401
    planned = tier or TierSettings(name=read_setting("tier") or "default")
    pool = str(worker.pool_cls) if isinstance(worker.pool_cls, str) else pool_of(worker)
    return WorkerMetrics(
        backend="celery",
        tier=planned.name,
        slots=slots_of(pool, worker.concurrency),
        pool=pool,
        duration_buckets=planned.duration_buckets,
        wait_buckets=planned.wait_buckets,
    )


def _planned(plan: WorkerPlan, tier: TierSettings, rendered: Mapping[str, Any], names: set[str]) -> Planned:
    url = first_set(VARIABLES["celery"]["broker_url"])
    return Planned(
        tier=tier,
        plan=plan,
        settings=rendered,
        policies={name: effective_policy(name, None, plan, tier) for name in names if not name.startswith(INTERNAL)},
        broker_url=None if url is None else url[1],
    )


def _take_logging(app: Any, level: int) -> None:  # noqa: ANN401 - a Celery application
    """Log as our workers do, unless the application has set up its logs itself."""
    if signals.setup_logging.receivers or not app.conf.worker_hijack_root_logger:
        log.info("the application sets up its logs itself: they stay as they are")
    else:

        def ours(**_: object) -> None:
            configure_logging(logging.getLevelName(level), read_setting("log_format"))

        ours()  # what is said until Celery asks
        signals.setup_logging.connect(ours, weak=False)
    signals.task_prerun.connect(_enter, weak=False)
    signals.task_postrun.connect(_leave, weak=False)


def _enter(task_id: str = "", task: Any = None, **_: object) -> None:  # noqa: ANN401 - a Celery task
    request = task.request
    info = request.delivery_info or {}
    request.task_abstraction_outer = CURRENT.get()
    CURRENT.set(
        TaskContext(
            id=task_id, name=task.name, attempt=(request.retries or 0) + 1, queue=str(info.get("routing_key") or "")
        )
    )


def _leave(task: Any = None, **_: object) -> None:  # noqa: ANN401
    CURRENT.set(getattr(task.request, "task_abstraction_outer", None))


def _serve(app: Any, health: HealthState, metrics: WorkerMetrics, tier: TierSettings | None) -> None:  # noqa: ANN401 - a Celery application
    server = HttpService(health_routes(health, metrics.registry), port=read_setting("health_port")).start()

    def draining(**_: object) -> None:
        health.drain()
        metrics.set_process(metrics.draining, 1)

    def ended(**_: object) -> None:
        server.close()

    signals.worker_shutting_down.connect(draining, weak=False)
    signals.worker_shutdown.connect(ended, weak=False)
    signals.worker_process_init.connect(in_children(app, lambda: None), weak=False)
    name = "without a plan" if tier is None else f"of tier {tier.name}"
    log.info("a worker %s, health port %d", name, server.port)
