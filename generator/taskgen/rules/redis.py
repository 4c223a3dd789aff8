"""Rules of family R: Celery with Redis or Valkey as broker."""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from taskgen.plan.model import Plan
from taskgen.plan.redelivery import SWEEP, VISIBILITY_MARGIN
from taskgen.profile.backends import Broker
from taskgen.profile.scalars import format_duration as text
from taskgen.rules.engine import Breach, rule

AT = "backends.celery.broker"
LONGEST_ETA = timedelta(hours=1)


def broker(plan: Plan) -> Broker | None:
    """Return the broker if it is Redis and a tier uses it."""
    celery = plan.profile.backends.celery
    return celery.broker if celery and celery.broker.kind.startswith("redis") and plan.tiers_of("celery") else None


@rule(
    "R01",
    "W/E/E",
    why="a task that still runs, or still waits for its time, is delivered again, in a loop",
    reference="celery#5935, celery#3270; celery.md 4, measured",
    remedy="raise visibility_timeout or leave it out; long delays belong to a schedule or a database",
)
def visibility_timeout_is_long_enough(plan: Plan) -> Iterator[Breach]:
    """The visibility timeout exceeds the longest task plus the longest delay plus 100 s."""
    if not broker(plan):
        return
    for tier in plan.tiers_of("celery"):
        need = tier.time_limit + tier.eta + VISIBILITY_MARGIN
        if plan.visibility_timeout <= need - timedelta(microseconds=1):
            what = f"{text(plan.visibility_timeout)} is shorter than what tier {tier.name} needs: {text(need)}"
            yield Breach(f"{AT}.visibility_timeout", what)
        if tier.eta > LONGEST_ETA:
            which = "task.longest_delay" if tier.longest_delay > LONGEST_ETA else "retry.max_delay"
            yield Breach(
                f"tiers.{tier.name}.{which}",
                f"{text(tier.eta)} is longer than the hour that Redis should hold a task",
            )


@rule(
    "R03",
    "N/W/W",
    why="the tasks of a killed worker wait until the visibility timeout and a sweep have passed",
    reference="celery.md 4: 101 s with the default sweep, 7.3 s with both options 1, measured",
    remedy="raise recovery_goal, shorten time_limit or retry.max_delay, use shutdown: cut, RabbitMQ, or split the tier",
)
def recovery_is_soon_enough(plan: Plan) -> Iterator[Breach]:
    """Visibility timeout plus sweep stay within the recovery goal."""
    if not broker(plan):
        return
    for tier in plan.tiers_of("celery"):
        bound = plan.visibility_timeout + SWEEP
        if tier.acks_late and bound > tier.recovery_goal:
            what = f"a killed worker's tasks run again after up to {text(bound)}, later than {text(tier.recovery_goal)}"
            yield Breach(f"tiers.{tier.name}.recovery_goal", what)


@rule(
    "R04",
    "W/E/E",
    why="a broker without a memory bound takes its machine down, or evicts tasks",
    reference="celery.md 4; cabot#311, celery#5716",
    remedy="set broker.memory (maxmemory) and the server's maxmemory-policy to noeviction",
)
def broker_memory_is_bounded(plan: Plan) -> Iterator[Breach]:
    """The broker's memory is stated."""
    found = broker(plan)
    if found and found.memory is None:
        yield Breach(f"{AT}.memory", "the broker's memory is not stated")


@rule(
    "R06",
    "N/W/E",
    why="the broker refuses connections: workers cannot start, or lose theirs",
    reference="celery.md 9: 10 + concurrency connections per busy worker, measured",
    remedy="lower scale.max or concurrency, or raise maxclients of the server and broker.max_connections",
)
def connections_fit(plan: Plan) -> Iterator[Breach]:
    """The fleet at its largest uses at most 80 % of the broker's connections."""
    found = broker(plan)
    if found and plan.broker_connections_used > 0.8 * found.max_connections:
        what = f"{plan.broker_connections_used} connections are needed, 80% of {found.max_connections} are available"
        yield Breach(f"{AT}.max_connections", what)


@rule(
    "R12",
    "E/E/E",
    why="kombu has no such transport, or no such database",
    reference="celery.md 7: valkey:// is 'No such transport', measured",
    remedy="write redis://, rediss:// or sentinel://; Valkey speaks redis://",
)
def scheme_is_known(plan: Plan) -> Iterator[Breach]:
    """The broker's URL has a scheme that kombu knows for its kind."""
    celery = plan.profile.backends.celery
    if celery is None or not isinstance(celery.broker.url, str):
        return
    known = {
        "redis": {"redis", "rediss"},
        "redis-sentinel": {"sentinel"},
        "rabbitmq": {"amqp", "amqps", "pyamqp"},
        "sqs": {"sqs"},
    }[celery.broker.kind]
    scheme = urlsplit(celery.broker.url).scheme
    if scheme not in known:
        yield Breach(
            f"{AT}.url", f"scheme {scheme}:// is none of {', '.join(sorted(known))} for a {celery.broker.kind} broker"
        )
