"""Rules of family Q: Celery with RabbitMQ."""

from collections.abc import Iterator

from taskgen.plan.model import Plan
from taskgen.profile.scalars import format_duration as text
from taskgen.rules.engine import Breach, rule

AT = "backends.celery.broker"


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
    reference="celery.md 16, RabbitMQ documentation",
    remedy="drop priorities and autoscale, or use queue_type: classic",
)
def quorum_queues_are_used_as_they_can(plan: Plan) -> Iterator[Breach]:
    """Quorum queues have no priorities and their workers no pool autoscaling; production uses quorum queues."""
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
    "N/E/E",
    why="the autoscaler cannot count running tasks: it removes busy workers, or falls back",
    reference="autoscaling.md 4.3: AMQP tells what is ready only (keda#356), measured",
    remedy="set broker.management_url to a secret reference: {secret: name, key: management_url}",
)
def running_tasks_are_counted(plan: Plan) -> Iterator[Breach]:
    """The exporter reaches RabbitMQ's management API where a tier is scaled."""
    celery = plan.profile.backends.celery
    if celery is None or celery.broker.kind != "rabbitmq" or celery.broker.management_url is not None:
        return
    if any(tier.autoscaled for tier in plan.tiers_of("celery")):
        yield Breach(f"{AT}.management_url", "unacknowledged messages are only counted by the management API")
