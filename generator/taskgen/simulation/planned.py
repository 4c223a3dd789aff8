"""From the plan of a tier to the model of a tier: which derived value becomes which number."""

from dataclasses import replace
from datetime import timedelta
from itertools import chain
from typing import Any, Final, Literal

from taskgen.plan.model import Plan, TierPlan
from taskgen.plan.redelivery import RABBITMQ_CLOSED
from taskgen.simulation import crontab, durations
from taskgen.simulation.arrivals import Load, Pattern, load_of
from taskgen.simulation.hpa import Behavior, Policy, Rules
from taskgen.simulation.keda import Fallback
from taskgen.simulation.model import (
    Disturbances,
    Ending,
    Floor,
    Goal,
    Measure,
    Metric,
    Retry,
    Scaler,
    Signal,
    TierModel,
    Worker,
)

FAILURE_THRESHOLD: Final = 3
"""As rendered into `fallback` of a ScaledObject."""
ADAPTER: Final = Metric(refresh_s=30.0, lag_s=15.0)
"""Prometheus and its adapter: numbers are 15 to 45 s old ([Scaling 1])."""
Kind = Literal["keda", "hpa", "fixed"]
_MEASURES: Final[dict[str, Measure]] = {"backlog": "waiting", "in_flight": "in_flight"}


def model_of(
    plan: Plan, tier: TierPlan, *, seconds: float, failing: float = 0.0, disturbances: Disturbances | None = None
) -> TierModel:
    """Return the model of a tier.

    Args:
        plan: what the tier belongs to.
        tier: the tier.
        seconds: how long the simulation lasts; windows of the week are laid out over it.
        failing: share of the attempts that fail.
        disturbances: what goes wrong.
    """
    kind, left_out = _kind(plan, tier)
    left_out += [
        f"signal {name}: the others decide alone"
        for signal in tier.signals
        if not isinstance(signal, str)
        for name in sorted(signal.model_fields_set - {"target", "secret"})
    ]
    if tier.backend == "hatchet" and tier.shutdown_mode == "cut":
        left_out.append("shutdown cut on hatchet: modelled as drain")
    limit = tier.time_limit.total_seconds()
    return TierModel(
        name=tier.name,
        table=durations.lognormal(tier.duration_p50.total_seconds(), tier.duration_p99.total_seconds(), limit=limit),
        worker=_worker(tier),
        scaler=_scaler(tier, kind, seconds),
        goal=Goal(quantile=tier.wait_quantile, wait_s=_s(tier.wait_goal)),
        ending=_ending(tier),
        metric=_metric(tier, kind),
        retry=Retry(
            max_attempts=tier.max_attempts,
            initial_s=_s(tier.initial_delay),
            backoff=tier.backoff,
            longest_s=_s(tier.max_delay),
            jitter=tier.profile.retry.jitter,
        ),
        failing=failing,
        disturbances=disturbances or Disturbances(),
        vcpu=tier.cpu_request / 1000,
        memory_gib=tier.memory_limit / 2**30,
        not_modelled=tuple(left_out),
    )


def load_for(plan: Plan, tier: TierPlan, *, pattern: Pattern, seconds: float) -> Load:
    """Return what arrives at a tier: its rates in a pattern, and the bursts of its schedules."""
    times: list[float] = []
    for schedule in plan.schedules:
        if schedule.enabled and schedule.queue in tier.queues and schedule.backend == tier.backend:
            if schedule.cron:
                times += crontab.fires(schedule.cron, timezone=schedule.timezone, seconds=seconds)
            elif schedule.every:
                every = schedule.every.total_seconds()
                times += [every * n for n in range(1, int(seconds / every) + 1)]
    fixed = tuple(sorted(round(time * durations.SECOND) for time in times if time < seconds))
    return Load(load_of(pattern, rate=tier.rate, peak=tier.peak, seconds=seconds), fixed)


def with_signals(tier: TierModel, *measures: Measure, targets: TierPlan) -> TierModel:
    """Return a tier that scales on these measures, with the targets of its plan."""
    numbers: dict[Measure, float] = {"waiting": targets.backlog_target, "in_flight": targets.in_flight_target}
    signals = tuple(Signal(measure, numbers[measure]) for measure in measures)
    return replace(tier, scaler=replace(tier.scaler, signals=signals))


def _kind(plan: Plan, tier: TierPlan) -> tuple[Kind, list[str]]:
    """Return what changes the number of replicas."""
    if not tier.autoscaled:
        return "fixed", []
    kubernetes = getattr(plan.profile.targets, "kubernetes", None)
    if kubernetes is None:
        return "fixed", ["no kubernetes target, so no autoscaler: the least number of replicas stays"]
    kind: str = kubernetes.autoscaler
    if kind == "none":
        return "fixed", ["targets.kubernetes.autoscaler: none, so the least number of replicas stays"]
    return ("hpa" if kind == "hpa" else "keda"), []


def _scaler(tier: TierPlan, kind: Kind, seconds: float) -> Scaler:
    """Return the autoscaler as it is rendered; without a signal that is modelled nothing changes the size."""
    signals = tuple(
        Signal(_MEASURES[signal], tier.backlog_target if signal == "backlog" else tier.in_flight_target)
        for signal in tier.signals
        if isinstance(signal, str)
    )
    return Scaler(
        kind=kind if signals else "fixed",
        least=tier.min_replicas,
        most=tier.max_replicas,
        signals=signals,
        behavior=Behavior(
            Rules(window_s=_s(tier.scale_up_window), policies=_policies(tier.scale_up_policies)),
            Rules(window_s=_s(tier.scale_down_window), policies=_policies(tier.scale_down_policies)),
        ),
        polling_s=_s(tier.polling_interval),
        cooldown_s=_s(tier.cooldown),
        fallback=Fallback(threshold=FAILURE_THRESHOLD, replicas=tier.fallback_replicas) if kind == "keda" else None,
        floors=_floors(tier, seconds) if kind == "keda" else (),
    )


def _worker(tier: TierPlan) -> Worker:
    early = tier.backend == "celery" and not tier.acks_late
    prefetch = None if tier.prefetch is None or tier.disable_prefetch else tier.prefetch * tier.concurrency
    return Worker(slots=tier.concurrency, start_s=_s(tier.pod_start), prefetch=prefetch, late=not early)


def _ending(tier: TierPlan) -> Ending:
    """Return what happens at a stop: grace or soft time, and who finds the tasks of a killed worker when."""
    cut = tier.shutdown_mode == "cut" and tier.backend != "hatchet"
    soft = tier.soft_shutdown if tier.backend == "celery" else tier.graceful_shutdown
    on_redis = tier.backend == "celery" and tier.broker != "rabbitmq"
    recovery = tier.recovery_time
    if recovery is not None and tier.broker == "rabbitmq":
        recovery = RABBITMQ_CLOSED  # a worker that is killed closes its connection; only a lost node is silent
    return Ending(
        mode="cut" if cut else "drain",
        tasks_get_s=_s(soft) if cut else _s(tier.grace),
        cut_returns=tier.backend != "celery" or tier.acks_late,
        recovery_s=None if recovery is None else recovery.total_seconds(),
        from_start=on_redis or (tier.backend == "temporal" and tier.heartbeat_timeout is None),
    )


def _metric(tier: TierPlan, kind: Kind) -> Metric:
    base = ADAPTER if kind == "hpa" else Metric()
    celery = tier.backend == "celery"
    return replace(
        base,
        in_flight="unacknowledged" if celery else "running",
        limbo=celery and tier.broker != "rabbitmq" and tier.acks_late,
    )


def _floors(tier: TierPlan, seconds: float) -> tuple[Floor, ...]:
    windows = (
        (
            Floor(start, end, schedule.min)
            for start, end in crontab.windows(schedule.start, schedule.end, timezone=schedule.timezone, seconds=seconds)
        )
        for schedule in tier.profile.scale.schedules.values()
        if schedule
    )
    return tuple(chain.from_iterable(windows))


def _policies(policies: Any) -> tuple[Policy, ...]:  # noqa: ANN401  # a value of the plan
    return tuple(Policy(kind, value, period.total_seconds()) for kind, value, period in policies)


def _s(value: timedelta | None) -> float:
    return value.total_seconds() if value is not None else 0.0
