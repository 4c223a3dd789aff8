"""Rules of family R: the Redis server itself, its address, memory and connections."""

import re
from collections.abc import Iterator
from typing import Final

from taskgen.plan.model import Plan
from taskgen.rules.engine import Breach, rule
from taskgen.rules.reading import literal_urls, redis, setting

AT: Final = "backends.celery.broker"
MIB: Final = 2**20
MESSAGE: Final = 2200
"""Bytes of one message beside its arguments: 3604 with 1 KiB of arguments, of which 4/3 are their base64 (celery 5.7 on
Redis 7.0.15, own measurement over 3000 messages)."""
BASE64: Final = 4 / 3
RESULT: Final = 512
"""Bytes of one result beside its value: 1478 with 1 KiB (the same measurement)."""
SHARE: Final = 0.7
"""Share of maxmemory that may be planned for (rule R04)."""
WORKER_CONNECTIONS: Final = 10
SCHEMES: Final = {
    "redis": {"redis", "rediss"},
    "redis-sentinel": {"sentinel"},
    "rabbitmq": {"amqp", "amqps", "pyamqp"},
    "sqs": {"sqs"},
}
_CLUSTER: Final = re.compile(r"(^|\.)clustercfg\.|^(redis|valkey)-?cluster([.-]|$)")
_REPLICA: Final = re.compile(r"(^|[.-])(replicas?|read-?only|reader|ro|slave)([.-]|$)")


def memory_needed(plan: Plan) -> int:
    """Return the bytes that the broker holds at the peak: what waits, what runs, and results that it keeps.

    Formula: sum over the tiers of (peak x wait_goal + 2 x rolling_replicas x concurrency) x (2200 + 4/3 payload)
    + rate x result_expires x (512 + result).
    """
    celery = plan.profile.backends.celery
    total = 0.0
    for tier in plan.tiers_of("celery"):
        facts = tier.profile.task
        held = tier.peak * tier.wait_goal.total_seconds() + 2 * tier.rolling_replicas * tier.concurrency
        total += held * (MESSAGE + BASE64 * facts.payload)
        if celery and celery.results.kind == "same" and not tier.ignore_result:
            total += tier.rate * plan.result_expires.total_seconds() * (RESULT + facts.result)
    return round(total)


@rule(
    "R04",
    "W/E/E",
    why="a broker without a memory bound takes its machine down, and a full one refuses every task",
    reference="[Celery 4]; cabot#311, celery#5716; sizes: own measurement",
    remedy="set broker.memory (maxmemory) and the server's maxmemory-policy to noeviction",
)
def broker_memory_is_enough(plan: Plan) -> Iterator[Breach]:
    """The broker's memory is stated, and 70 % of it hold backlog, running tasks and results."""
    found = redis(plan)
    if not found:
        return
    if found.memory is None:
        yield Breach(f"{AT}.memory", "the broker's memory is not stated")
        return
    need = memory_needed(plan)
    if need > SHARE * found.memory:
        what = f"backlog and results take {need // MIB}Mi, 70% of {found.memory // MIB}Mi are available"
        yield Breach(
            f"{AT}.memory",
            what,
            "raise it, shorten task.result_lookup, declare task.ignore_result, or keep results elsewhere",
        )


@rule(
    "R06",
    "N/W/E",
    why="the broker refuses connections: workers cannot start, or lose theirs",
    reference="[Celery 9]: 10 + concurrency connections per busy worker, measured",
    remedy="lower scale.max or concurrency, or raise maxclients of the server and broker.max_connections",
)
def connections_fit(plan: Plan) -> Iterator[Breach]:
    """The fleet at its largest uses at most 80 % of the broker's connections, and no worker has fewer than it needs."""
    found = redis(plan)
    if not found:
        return
    if plan.broker_connections_used > 0.8 * found.max_connections:
        what = f"{plan.broker_connections_used} connections are needed, 80% of {found.max_connections} are available"
        yield Breach(f"{AT}.max_connections", what)
    most = setting(plan, "redis_max_connections")
    need = WORKER_CONNECTIONS + max(tier.concurrency for tier in plan.tiers_of("celery"))
    if most and isinstance(most[1], int) and most[1] < need:
        yield Breach(most[0], f"{most[1]} is less than the {need} of one worker: ConnectionError", "raise or remove it")


@rule(
    "R11",
    "N/W/E",
    why="whoever reaches the port reads and writes tasks",
    reference="[Celery 7]; a URL with a password is a secret (S01)",
    remedy="write url: {secret: name, key: url}, with a password in the secret",
)
def broker_asks_for_a_password(plan: Plan) -> Iterator[Breach]:
    """The broker's URL carries authentication, so it comes from a secret."""
    found = redis(plan)
    if found and isinstance(found.url, str):
        yield Breach(f"{AT}.url", "a URL written in clear carries no password")


@rule(
    "R12",
    "E/E/E",
    why="kombu has no such transport, or no such database",
    reference="[Celery 7]: valkey:// is 'No such transport', no Redis Cluster transport in kombu 5.7, measured",
    remedy="write redis://, rediss:// or sentinel://; Valkey speaks redis://",
)
def address_is_possible(plan: Plan) -> Iterator[Breach]:
    """The broker's URL has a scheme of its kind, and names a database of a server that is no Redis Cluster."""
    celery = plan.profile.backends.celery
    if celery is None:
        return
    known = SCHEMES[celery.broker.kind]
    for path, url in literal_urls(plan):
        host, of_broker = url.hostname or "", path == f"{AT}.url"
        if of_broker and url.scheme not in known:
            what = f"scheme {url.scheme}:// is none of {', '.join(sorted(known))} for a {celery.broker.kind} broker"
            yield Breach(path, what)
        if url.scheme in SCHEMES["redis"] and not re.fullmatch(r"/?\d*", url.path):
            yield Breach(path, f"database {url.path[1:]} is no number", "end the URL in /0")
        if url.scheme in SCHEMES["redis"] and _CLUSTER.search(host):
            yield Breach(
                path,
                f"{host} is a Redis Cluster by its name, which Celery cannot use",
                "use a single primary or Sentinel; waive R12 if it is one under this name",
            )
    if celery.broker.kind == "redis-sentinel" and celery.broker.master_name is None:
        yield Breach(f"{AT}.master_name", "Sentinel is asked for a master by name", "set broker.master_name")


@rule(
    "R13",
    "E/E/E",
    why="a worker on a read replica dies at its start: ReadOnlyError",
    reference="[Celery 7], measured; seed 003 lines 694-717",
    remedy="name the primary; another region gets a broker of its own",
)
def broker_can_be_written(plan: Plan) -> Iterator[Breach]:
    """Broker and result store are no read replicas."""
    for path, url in literal_urls(plan):
        if url.scheme in SCHEMES["redis"] and _REPLICA.search(url.hostname or ""):
            yield Breach(path, f"{url.hostname} is a read replica by its name")
