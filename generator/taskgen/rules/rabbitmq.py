"""Rules of family Q: Celery with RabbitMQ."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from taskgen.plan.model import Plan
from taskgen.profile.paths import join
from taskgen.profile.scalars import format_duration as text
from taskgen.rules.engine import Breach, rule
from taskgen.rules.reading import broker, setting

AT: Final = "backends.celery.broker"
LEAST: Final = timedelta(seconds=1)
MOST: Final = timedelta(minutes=2)
"""Celery's own default for heartbeats."""


@rule(
    "Q01",
    "W/E/E",
    why="RabbitMQ closes the channel of a consumer that does not acknowledge in time: PRECONDITION_FAILED",
    reference="celery#6760, celery#6954; default 30 min since RabbitMQ 3.8.17",
    remedy="raise consumer_timeout or leave it out: it is derived",
)
def consumer_timeout_is_long_enough(plan: Plan) -> Iterator[Breach]:
    """The consumer timeout exceeds the longest task plus the longest delay."""
    if plan.consumer_timeout is None:
        return
    for tier in plan.tiers_of("celery"):
        if plan.consumer_timeout <= tier.time_limit + tier.eta:
            what = f"{text(plan.consumer_timeout)} is not longer than the tasks and delays of tier {tier.name}"
            yield Breach(f"{AT}.consumer_timeout", what)


@rule(
    "Q02",
    "W/E/E",
    why="quorum queues refuse priorities, and Celery's own autoscaling with them",
    reference="[Celery 16], RabbitMQ documentation",
    remedy="drop priorities and autoscale, or use queue_type: classic",
)
def quorum_queues_are_used_as_they_can(plan: Plan) -> Iterator[Breach]:
    """Production uses quorum queues, with confirmed publishing and topic exchanges, without priorities or autoscale."""
    celery = plan.profile.backends.celery
    if celery is None or celery.broker.kind != "rabbitmq":
        return
    if celery.broker.queue_type == "classic":
        if plan.profile.environment == "prod":
            yield Breach(
                f"{AT}.queue_type",
                "classic queues lose messages with their node",
                "set queue_type: quorum and nodes: 3",
            )
        return
    if celery.broker.priorities:
        yield Breach(f"{AT}.priorities", "quorum queues have no such priorities")
    for tier in plan.tiers_of("celery"):
        if tier.profile.autoscale:
            yield Breach(f"tiers.{tier.name}.autoscale", "the pool cannot be resized on quorum queues")
    confirmed = setting(plan, "broker_transport_options", "confirm_publish")
    if confirmed and confirmed[1] is not True:
        yield Breach(confirmed[0], "a message may be lost on its way to the broker", "remove it: true is rendered")
    exchange = setting(plan, "task_default_exchange_type")
    if exchange and exchange[1] != "topic":
        what = f"delayed tasks need a topic exchange, not {exchange[1]}"
        yield Breach(exchange[0], what, "remove it: topic is rendered")


@rule(
    "Q05",
    "W/E/E",
    why="a task that kills its worker is delivered without end, or dropped while its result stays pending for ever",
    reference="[Celery 16]: with a limit of 3 four starts, then dropped, measured on RabbitMQ 3.10.8",
    remedy="leave dead_letter on: the limit of deliveries and the place for the rest come with it",
)
def poison_has_a_place(plan: Plan) -> Iterator[Breach]:
    """Quorum queues keep what was delivered too often as dead letters."""
    found = broker(plan, "rabbitmq")
    for queue in plan.queues:
        if found and found.queue_type == "quorum" and queue.backend == "celery" and not queue.dead_letter:
            stated = plan.profile.queues.get(queue.name)
            single = stated is not None and stated.dead_letter is False
            path = join(("queues", queue.name, "dead_letter")) if single else "dead_letter.enabled"
            yield Breach(path, f"queue {queue.name} has no dead letters")


@rule(
    "Q06",
    "-/W/W",
    why="a quorum needs a majority: two of two nodes is no better than one",
    reference="RabbitMQ documentation",
    remedy="run 3 or 5 nodes",
)
def quorum_has_a_majority(plan: Plan) -> Iterator[Breach]:
    """A broker with quorum queues has an odd number of nodes, at least three."""
    celery = plan.profile.backends.celery
    if celery and celery.broker.queue_type == "quorum" and (celery.broker.nodes < 3 or celery.broker.nodes % 2 == 0):  # noqa: PLR2004
        yield Breach(f"{AT}.nodes", f"{celery.broker.nodes} nodes form no useful majority")


@rule(
    "Q07",
    "E/E/E",
    why="the autoscaler cannot count running tasks: it removes busy workers, or falls back",
    reference="[Scaling 4.3]: AMQP tells what is ready only (keda#356), measured",
    remedy="set broker.management_url to a secret reference: {secret: name, key: management_url}",
)
def running_tasks_are_counted(plan: Plan) -> Iterator[Breach]:
    """The exporter reaches RabbitMQ's management API where a tier is scaled."""
    celery = plan.profile.backends.celery
    if celery is None or celery.broker.kind != "rabbitmq" or celery.broker.management_url is not None:
        return
    if any(tier.autoscaled for tier in plan.tiers_of("celery")):
        yield Breach(f"{AT}.management_url", "unacknowledged messages are only counted by the management API")


@rule(
    "Q04",
    "N/W/W",
    why="Celery asks for another mode of prefetching than quorum queues have",
    reference="RabbitMQ documentation",
    remedy="remove it: the default is right",
)
def quorum_queues_are_detected(plan: Plan) -> Iterator[Breach]:
    """Workers detect quorum queues."""
    found = setting(plan, "worker_detect_quorum_queues")
    if broker(plan, "rabbitmq") and found and found[1] is False:
        yield Breach(found[0], "detection is switched off")


@rule(
    "Q09",
    "N/W/W",
    why="the broker refuses connections: workers cannot start, or lose theirs",
    reference="[Celery 9], measured on Redis, an upper bound here",
    remedy="lower scale.max or concurrency, or raise the broker's limits of connections and files, and max_connections",
)
def connections_fit(plan: Plan) -> Iterator[Breach]:
    """The fleet at its largest uses at most 80 % of the broker's connections."""
    found = broker(plan, "rabbitmq")
    if found and plan.broker_connections_used > 0.8 * found.max_connections:
        what = f"{plan.broker_connections_used} connections are needed, 80% of {found.max_connections} are available"
        yield Breach(f"{AT}.max_connections", what)


@rule(
    "Q10",
    "N/W/W",
    why="a proxy or firewall closes an idle connection, and nobody notices; without heartbeats a lost node neither",
    reference="Celery documentation: default 120 s; the protocol counts whole seconds",
    remedy="set it between 1s and 2m in whole seconds, below the idle timeout of every proxy between, or leave it out",
)
def heartbeats_keep_connections(plan: Plan) -> Iterator[Breach]:
    """Connections to the broker show a sign of life at least every two minutes."""
    beat = plan.broker_heartbeat
    if beat is not None and (not LEAST <= beat <= MOST or beat % LEAST):
        yield Breach(f"{AT}.heartbeat", f"{text(beat)} is no such time" if beat else "0s switches heartbeats off")


@rule(
    "Q11",
    "N/W/W",
    why="the tasks of a worker whose node vanishes wait until the broker misses its heartbeats",
    reference="docs/plan.md, predicted and measured: two to three heartbeats",
    remedy="raise recovery_goal, or lower broker.heartbeat",
)
def lost_nodes_are_noticed(plan: Plan) -> Iterator[Breach]:
    """What a lost worker left runs again within the recovery goal."""
    for tier in plan.tiers_of("celery") if broker(plan, "rabbitmq") else ():
        if tier.recovery_time is not None and tier.recovery_time > tier.recovery_goal:
            what = f"tasks of a lost node run again only after {text(tier.recovery_time)}"
            yield Breach(f"tiers.{tier.name}.recovery_goal", what)


@rule(
    "Q12",
    "W/E/E",
    why="a solo worker sends no heartbeat while its task runs: the broker closes the connection, the task runs twice",
    reference="celery 5.7: the loop that beats is the one that runs the task; measured, docs/rules/rabbitmq.md",
    remedy="use prefork or threads, or raise broker.heartbeat above half of the time limit",
)
def solo_workers_beat(plan: Plan) -> Iterator[Breach]:
    """Tasks of a solo pool end within two heartbeats."""
    beat = plan.broker_heartbeat
    for tier in plan.tiers_of("celery"):
        if beat is not None and tier.pool == "solo" and tier.time_limit > 2 * beat:
            yield Breach(
                f"tiers.{tier.name}.pool", f"tasks of {text(tier.time_limit)} outlast heartbeats of {text(beat)}"
            )
