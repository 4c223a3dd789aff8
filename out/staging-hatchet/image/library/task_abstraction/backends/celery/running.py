"""What a Celery worker really does, compared with the plan once its consumer is there."""

import os
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from task_abstraction.backends.celery.planned import HARD_LIMIT_POOLS, Planned, difference, pool_of, slots_of, unsafe
from task_abstraction.backends.celery.queues import QUORUM
from task_abstraction.backends.celery.running_tasks import compare_task
from task_abstraction.config import TierSettings, WorkerPlan
from task_abstraction.differences import Difference, compare_queues, compare_slots

INTERNAL = ("celery.", "task_abstraction.")
"""Tasks of Celery and of the library itself: nobody plans them."""
ALIKE = "state the same in the application's settings and in backends.celery.broker.key_prefix"
SCHEMES = {"rediss": "redis", "amqps": "amqp", "pyamqp": "amqp"}
PORTS = {"redis": 6379, "amqp": 5672}


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
            found += compare_task(task, worker, planned, redelivery)
    return found


def visibility_timeout(consumer: Any) -> float | None:  # noqa: ANN401
    """Seconds after which this channel gives an unacknowledged message to another worker; None on RabbitMQ."""
    value = getattr(consumer.task_consumer.channel, "visibility_timeout", None)
    return None if value is None else float(value)


def _pool(worker: Any, tier: TierSettings) -> Iterator[Difference]:  # noqa: ANN401
    running = pool_of(worker)
    if running != tier.pool:
        what, remedy = f"pool of tier {tier.name}", f"start it with --pool={tier.pool}, or set tiers.{tier.name}.pool"
        if tier.pool == "prefork" or (tier.pool in HARD_LIMIT_POOLS and running not in HARD_LIMIT_POOLS):
            yield unsafe(what, tier.pool, running, "no time limit ends a task there", remedy)
        else:
            yield difference(what, tier.pool, running, "memory was derived for the other pool", remedy)
    if worker.autoscale:
        yield difference(
            f"slots of tier {tier.name}",
            tier.concurrency,
            "autoscale {1} to {0}".format(*worker.autoscale),
            "memory and replicas were derived for a fixed number",
            "start it without --autoscale",
        )
    else:
        yield from compare_slots(tier, slots_of(running, worker.concurrency))


def _prefetch(consumer: Any, tier: TierSettings) -> Iterator[Difference]:  # noqa: ANN401
    if tier.prefetch is None:
        return
    planned, running = tier.concurrency * tier.prefetch, int(consumer.initial_prefetch_count)
    if running != planned and not consumer.app.conf.worker_disable_prefetch:
        yield difference(
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
            yield difference(
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
        yield unsafe(
            what,
            "cut",
            "drain",
            f"it waits for its tasks and is killed after {tier.grace_s:g} s",
            "set REMAP_SIGTERM=SIGQUIT in its environment",
        )
    if tier.shutdown == "drain" and remapped:
        yield unsafe(what, "drain", "cut", "every stop ends running tasks", "take REMAP_SIGTERM out of its environment")


def _connection(consumer: Any, planned: Planned) -> Iterator[Difference]:  # noqa: ANN401
    connection, tier = consumer.connection, planned.tier
    # A list of addresses (`;`) is one broker, whichever of them is connected.
    if planned.broker_url and ";" not in planned.broker_url:
        wanted, running = _place(planned.broker_url), _place(connection.as_uri())
        if wanted != running:
            yield unsafe(
                "broker",
                wanted,
                running,
                "exporter, autoscaler and dead letters look at another broker than the worker",
                "take the address out of the application's settings: CELERY_BROKER_URL of the environment holds it",
            )
    options = planned.settings.get("broker_transport_options") or {}
    really = connection.transport_options or {}
    # Without settings nobody knows what was planned; with them an option that they lack was planned as absent.
    identity = {"global_keyprefix"} & set(really) if planned.settings else set()
    for name in sorted({*options, *identity}):
        value = options.get(name)
        if name != "visibility_timeout" and really.get(name) != value:
            lost = name in {"global_keyprefix", "confirm_publish", "master_name"}
            yield Difference(
                what=f"broker_transport_options[{name!r}] of tier {tier.name}",
                planned=value,
                running=really.get(name),
                consequence="producers, workers and exporter do not mean the same queues, or a submit may be lost"
                if lost
                else "the broker is used otherwise than the plan counts on",
                remedy=ALIKE if name == "global_keyprefix" else "take it out of the application's settings",
                unsafe=lost,
            )
    if "pickle" in (consumer.app.conf.accept_content or ()):
        yield difference(
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
        yield unsafe(what, f"{wanted:g} s", f"{running:g} s", consequence, remedy)
    else:
        consequence = "the tasks of a worker that was killed come back later than planned"
        yield difference(what, f"{wanted:g} s", f"{running:g} s", consequence, remedy)


def _queue_types(queues: Sequence[Any], plan: WorkerPlan) -> Iterator[Difference]:
    for queue in queues:
        stated = plan.queues.get(queue.name)
        running = (queue.queue_arguments or {}).get("x-queue-type", "classic")
        if stated is not None and stated.type == QUORUM != running:
            yield unsafe(
                f"type of queue {queue.name}",
                QUORUM,
                running,
                "its messages are lost with the node that holds them",
                "set task_default_queue_type and task_create_missing_queue_type to 'quorum' in the application",
            )
