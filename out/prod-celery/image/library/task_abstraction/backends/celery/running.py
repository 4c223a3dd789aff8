"""What a Celery worker really does, compared with the plan once its consumer is there."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from task_abstraction.backends.celery.queues import QUORUM
from task_abstraction.config import TierSettings, WorkerPlan
from task_abstraction.differences import Difference, compare_queues, compare_slots, longest_limit
from task_abstraction.policy import TaskPolicy

INTERNAL = ("celery.", "task_abstraction.")
"""Tasks of Celery and of the library itself: nobody plans them."""
POOLS = {"thread": "threads", "asynpool": "prefork"}
"""Last words of the modules of pools that are not the names of the pools."""


SCHEMES = {"rediss": "redis", "amqps": "amqp", "pyamqp": "amqp"}
PORTS = {"redis": 6379, "amqp": 5672}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What one worker should do."""

    tier: TierSettings
    plan: WorkerPlan
    settings: Mapping[str, Any]
    """rendered settings of Celery"""
    policies: Mapping[str, TaskPolicy]
    """of the tasks that come to this worker by their routes"""
    broker_url: str | None = None


def compare(consumer: Any, planned: Planned) -> list[Difference]:  # noqa: ANN401 - Celery's Consumer
    """Compare a consumer that is connected, its pool and its tasks with the plan."""
    worker = consumer.controller
    redelivery = visibility_timeout(consumer)
    found = [*_pool(worker, planned.tier), *_prefetch(consumer, planned.tier), *_recycling(worker, planned.tier)]
    found += [*_shutdown(worker.app, planned.tier), *_connection(consumer, planned)]
    found += _redelivery(redelivery, planned)
    served = list(consumer.task_consumer.queues)
    found += compare_queues(planned.tier, planned.plan, [queue.name for queue in served])
    found += _queue_types(served, planned.plan)
    for name in sorted(planned.policies):
        task = consumer.app.tasks.get(name)
        if task is not None:
            found += _task(_Running(task, worker), planned, planned.policies[name], redelivery)
    return found


def pool_of(worker: Any) -> str:  # noqa: ANN401 - Celery's WorkController
    """The name by which the command line chooses the pool that runs."""
    word = str(worker.pool_cls.__module__).rpartition(".")[2]
    return POOLS.get(word, word)


def visibility_timeout(consumer: Any) -> float | None:  # noqa: ANN401
    """Seconds after which this channel gives an unacknowledged message to another worker; None on RabbitMQ."""
    value = getattr(consumer.task_consumer.channel, "visibility_timeout", None)
    return None if value is None else float(value)


def _difference(what: str, planned: object, running: object, consequence: str, remedy: str) -> Difference:
    return Difference(what=what, planned=planned, running=running, consequence=consequence, remedy=remedy)


def _unsafe(what: str, planned: object, running: object, consequence: str, remedy: str) -> Difference:
    return Difference(what=what, planned=planned, running=running, consequence=consequence, remedy=remedy, unsafe=True)


def _pool(worker: Any, tier: TierSettings) -> Iterator[Difference]:  # noqa: ANN401
    running = pool_of(worker)
    if running != tier.pool:
        what, remedy = f"pool of tier {tier.name}", f"start it with --pool={tier.pool}, or set tiers.{tier.name}.pool"
        if tier.pool == "prefork":
            yield _unsafe(what, tier.pool, running, "no time limit ends a task there", remedy)
        else:
            yield _difference(what, tier.pool, running, "memory was derived for the other pool", remedy)
    if worker.autoscale:
        yield _difference(
            f"slots of tier {tier.name}",
            tier.concurrency,
            "autoscale {1} to {0}".format(*worker.autoscale),
            "memory and replicas were derived for a fixed number",
            "start it without --autoscale",
        )
    else:
        yield from compare_slots(tier, int(worker.concurrency))


def _prefetch(consumer: Any, tier: TierSettings) -> Iterator[Difference]:  # noqa: ANN401
    if tier.prefetch is None:
        return
    planned, running = tier.concurrency * tier.prefetch, int(consumer.initial_prefetch_count)
    if running != planned and not consumer.app.conf.worker_disable_prefetch:
        yield _difference(
            f"prefetch of tier {tier.name}",
            f"{planned} messages",
            f"{running} messages" if running else "all messages",
            "the worker holds back tasks that others could run, and their redelivery time runs"
            if running > planned or not running
            else "slots wait for their next task",
            f"start it with --prefetch-multiplier={tier.prefetch}",
        )


def _recycling(worker: Any, tier: TierSettings) -> Iterator[Difference]:  # noqa: ANN401
    planned = {"max_tasks_per_child": tier.max_tasks_per_child, "max_memory_per_child": tier.max_memory_per_child_kib}
    for name, value in planned.items():
        running = getattr(worker, name, None)
        if running != value and pool_of(worker) == "prefork":
            yield _difference(
                f"{name} of tier {tier.name}",
                value,
                running,
                "children are replaced at other times than the memory limit counts on",
                f"set tiers.{tier.name}.{name}, and take it out of the application's settings",
            )


def _shutdown(app: Any, tier: TierSettings) -> Iterator[Difference]:  # noqa: ANN401 - a Celery application
    remapped = os.environ.get("REMAP_SIGTERM") == "SIGQUIT"
    what = f"shutdown of tier {tier.name}"
    if tier.shutdown == "cut" and not (remapped and app.conf.worker_soft_shutdown_timeout):
        yield _unsafe(
            what,
            "cut",
            "drain",
            f"it waits for its tasks and is killed after {tier.grace_s:g} s",
            "set REMAP_SIGTERM=SIGQUIT in its environment",
        )
    if tier.shutdown == "drain" and remapped:
        yield _unsafe(
            what, "drain", "cut", "every stop ends running tasks", "take REMAP_SIGTERM out of its environment"
        )


def _connection(consumer: Any, planned: Planned) -> Iterator[Difference]:  # noqa: ANN401
    connection, tier = consumer.connection, planned.tier
    # A list of addresses (`;`) is one broker, whichever of them is connected.
    if planned.broker_url and ";" not in planned.broker_url:
        wanted, running = _place(planned.broker_url), _place(connection.as_uri())
        if wanted != running:
            yield _unsafe(
                "broker",
                wanted,
                running,
                "exporter, autoscaler and dead letters look at another broker than the worker",
                "take the address out of the application's settings: CELERY_BROKER_URL of the environment holds it",
            )
    options = planned.settings.get("broker_transport_options") or {}
    really = connection.transport_options or {}
    for name, value in options.items():
        if name != "visibility_timeout" and really.get(name) != value:
            lost = name in {"global_keyprefix", "confirm_publish", "master_name"}
            yield Difference(
                what=f"broker_transport_options[{name!r}] of tier {tier.name}",
                planned=value,
                running=really.get(name),
                consequence="producers, workers and exporter do not mean the same queues, or a submit may be lost"
                if lost
                else "the broker is used otherwise than the plan counts on",
                remedy="take it out of the application's settings",
                unsafe=lost,
            )
    if "pickle" in (consumer.app.conf.accept_content or ()):
        yield _difference(
            "accept_content",
            "json",
            tuple(consumer.app.conf.accept_content),
            "whoever can write to the broker can run code in the worker",
            "set accept_content = ['json'] once no producer sends pickle",
        )


def _place(url: str) -> str:
    """Kind, host, port and database or virtual host of an address, without what only its spelling differs in."""
    parts = urlsplit(url)
    word = parts.scheme.partition("+")[0]
    kind = SCHEMES.get(word, word)
    path = unquote(parts.path).strip("/") or ("0" if kind == "redis" else "")
    return f"{kind}://{parts.hostname}:{parts.port or PORTS.get(kind)}/{path}"


def _redelivery(running: float | None, planned: Planned) -> Iterator[Difference]:
    wanted = (planned.settings.get("broker_transport_options") or {}).get("visibility_timeout")
    if running is None or wanted is None or running == float(wanted):
        return
    what = f"visibility timeout of tier {planned.tier.name}"
    remedy = "take visibility_timeout out of the application's settings, and state it in the profile if you need it"
    if running < float(wanted):
        consequence = "a task that runs or waits for longer is delivered a second time while the first still runs"
        yield _unsafe(what, f"{wanted:g} s", f"{running:g} s", consequence, remedy)
    else:
        consequence = "the tasks of a worker that was killed come back later than planned"
        yield _difference(what, f"{wanted:g} s", f"{running:g} s", consequence, remedy)


def _queue_types(queues: Sequence[Any], plan: WorkerPlan) -> Iterator[Difference]:
    for queue in queues:
        stated = plan.queues.get(queue.name)
        running = (queue.queue_arguments or {}).get("x-queue-type", "classic")
        if stated is not None and stated.type == QUORUM != running:
            yield _unsafe(
                f"type of queue {queue.name}",
                QUORUM,
                running,
                "its messages are lost with the node that holds them",
                "set task_default_queue_type and task_create_missing_queue_type to 'quorum' in the application",
            )


@dataclass(frozen=True, slots=True)
class _Running:
    """A task with what it inherits from its worker."""

    task: Any
    worker: Any

    @property
    def name(self) -> str:
        return str(self.task.name)

    @property
    def enforces_limits(self) -> bool:
        return pool_of(self.worker) == "prefork"

    @property
    def limit(self) -> float | None:
        value = self.task.time_limit or self.worker.time_limit
        return float(value) if value else None

    @property
    def soft_limit(self) -> float | None:
        value = self.task.soft_time_limit or self.worker.soft_time_limit
        return float(value) if value else None


def _task(running: _Running, planned: Planned, policy: TaskPolicy, redelivery: float | None) -> Iterator[Difference]:
    yield from _acknowledgement(running, planned.tier, policy)
    if running.enforces_limits:
        yield from _limits(running, planned, policy, redelivery)


def _acknowledgement(running: _Running, tier: TierSettings, policy: TaskPolicy) -> Iterator[Difference]:
    late = bool(running.task.acks_late)
    what = f"acknowledgement of task {running.name}"
    if policy.acks_late and not late:
        yield _unsafe(
            what,
            "late",
            "early",
            "a worker that is killed loses the tasks that it runs and holds",
            f"set task_acks_late = True in the application, or tiers.{tier.name}.task.idempotent: false",
        )
    elif policy.acks_late is False and late:
        yield _unsafe(
            what,
            "early",
            "late",
            "a task that must not run twice runs again after a lost worker",
            f"set acks_late=False on the task, or say that it may: tasks.{running.name}.idempotent: true",
        )
    if late and running.task.reject_on_worker_lost and running.enforces_limits:
        yield _difference(
            f"reject_on_worker_lost of task {running.name}",
            False,
            True,
            "a task that kills its process is delivered again without end",
            "set task_retry_on_worker_lost with max_retries instead, which has a cap",
        )


def _limits(running: _Running, planned: Planned, policy: TaskPolicy, redelivery: float | None) -> Iterator[Difference]:
    what, limit, wanted = f"time limit of task {running.name}", running.limit, policy.time_limit_s
    remedy = f"state tasks.{running.name}.time_limit in the profile, or lower time_limit of the task"
    late = bool(running.task.acks_late)
    shown, planned_text = _seconds(limit), _seconds(wanted)
    longest = longest_limit(planned.tier, planned.plan)
    if late and redelivery is not None and (limit is None or limit >= redelivery):
        consequence = f"after {redelivery:g} s Redis delivers it a second time while it runs"
        yield _unsafe(what, planned_text, shown, consequence, remedy)
    elif longest is not None and (limit is None or limit > longest):
        consequence = f"a stop waits {planned.tier.grace_s:g} s, then kills it"
        yield Difference(
            what=what,
            planned=planned_text,
            running=shown,
            consequence=consequence,
            remedy=remedy,
            unsafe=planned.tier.shutdown == "drain" and (limit is None or limit > planned.tier.grace_s),
        )
    elif wanted is not None and limit != wanted and "time_limit_s" in planned.plan.overrides_of(running.name):
        yield _difference(what, planned_text, shown, "the code decides, not the profile", remedy)
    soft = running.soft_limit
    if soft is not None and limit is not None and soft >= limit:
        yield _difference(
            f"soft time limit of task {running.name}",
            _seconds(policy.soft_time_limit_s),
            _seconds(soft),
            "the hard limit comes first: the task cannot clean up",
            "lower soft_time_limit of the task",
        )


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:g} s"
