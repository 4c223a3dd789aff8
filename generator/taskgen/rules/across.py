"""Rules of family X, and K04: profiles of one project that get in each other's way; `taskgen check --all` asks them.

Each rule sees one plan beside the others. What two profiles name alike is taken for one thing: a cluster, an address,
a secret of one namespace. A cluster called `default` is taken for one only within an environment.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from taskgen.errors import Position
from taskgen.plan.model import Plan
from taskgen.profile.scalars import format_duration as text
from taskgen.rules.engine import Breach, Finding, Rule, rule, run
from taskgen.rules.reading import options, scaled

DEFAULTS: Final = {
    "redis": (6379, "/0"),
    "rediss": (6379, "/0"),
    "amqp": (5672, ""),
    "amqps": (5671, ""),
}
"""Port, and database or virtual host, of an address that names none (kombu)."""
AcrossCheck = Callable[[Plan, Sequence[Plan]], Iterable[Breach]]


@dataclass(frozen=True, slots=True)
class AcrossRule:
    """A rule about a profile and the others of its project."""

    rule: Rule
    check: AcrossCheck

    def beside(self, others: Sequence[Plan]) -> Rule:
        """Return the rule about one profile, the others known."""
        return replace(self.rule, check=partial(self._check, others=others))

    def _check(self, plan: Plan, *, others: Sequence[Plan]) -> Iterable[Breach]:
        return self.check(plan, others)


def _across(
    id: str,  # noqa: A002  # its name everywhere
    severity: str,
    *,
    why: str,
    reference: str,
    remedy: str,
) -> Callable[[AcrossCheck], AcrossRule]:
    """Declare a rule over several profiles; see `engine.rule`."""

    def declare(check: AcrossCheck) -> AcrossRule:
        def alone(_: Plan) -> Iterable[Breach]:
            return ()

        alone.__doc__ = check.__doc__
        return AcrossRule(rule(id, severity, why=why, reference=reference, remedy=remedy)(alone), check)

    return declare


def _clusters(plan: Plan) -> frozenset[str]:
    """Return the clusters that a profile is rendered for."""
    kubernetes = options(plan, "kubernetes")
    if kubernetes is None:
        return frozenset()
    own = {name if name != "default" else f"default of {plan.profile.environment}" for name in kubernetes.clusters}
    return frozenset(own)


def _places(plan: Plan) -> frozenset[tuple[str, str]]:
    """Return cluster and namespace of a profile's objects."""
    kubernetes = options(plan, "kubernetes")
    return frozenset((cluster, kubernetes.namespace) for cluster in _clusters(plan)) if kubernetes else frozenset()


def _names(plan: Plan) -> frozenset[str]:
    """Return the names of the objects of a profile that it does not share with other kinds."""
    processes = [process.name for process in (*plan.exporters, plan.beat) if process is not None]
    return frozenset([f"{plan.profile.app.name}-worker", *processes, *(f"worker-{tier.name}" for tier in plan.tiers)])


@_across(
    "K04",
    "E/E/E",
    why="a cluster has one provider of external metrics: the one that registers last answers for both",
    reference="KEDA documentation, Running KEDA in your cluster: one KEDA, and no other external metrics server",
    remedy="use one autoscaler and one keda_namespace in a cluster",
)
def one_provider_of_metrics(plan: Plan, others: Sequence[Plan]) -> Iterator[Breach]:
    """Profiles that scale in one cluster do it by one provider of external metrics."""
    kubernetes = options(plan, "kubernetes")
    for other in others:
        theirs = options(other, "kubernetes")
        shared = sorted(_clusters(plan) & _clusters(other))
        if not shared or kubernetes is None or theirs is None or not (scaled(plan) and scaled(other)):
            continue
        if theirs.autoscaler != kubernetes.autoscaler:
            what = f"{other.profile.name} scales by {theirs.autoscaler} in cluster {shared[0]}"
            yield Breach("targets.kubernetes.autoscaler", what)
        elif kubernetes.autoscaler == "keda" and theirs.keda_namespace != kubernetes.keda_namespace:
            what = f"{other.profile.name} has KEDA in {theirs.keda_namespace} of cluster {shared[0]}"
            yield Breach("targets.kubernetes.keda_namespace", what)


def _named(alike: Sequence[str]) -> str:
    """Name the first, and say how many more there are."""
    return alike[0] + (f" and {len(alike) - 1} more" if len(alike) > 1 else "")


@_across(
    "X01",
    "W/E/E",
    why="what is applied last replaces the objects of the other profile, and the workers of one vanish",
    reference="Kubernetes documentation: a name is unique by kind in its namespace",
    remedy="give each profile a namespace or cluster of its own, or waive X01 where only one of them is ever applied",
)
def objects_have_names_of_their_own(plan: Plan, others: Sequence[Plan]) -> Iterator[Breach]:
    """Two profiles have no objects of one name in a namespace."""
    for other in others:
        alike = sorted(_names(plan) & _names(other))
        for cluster, namespace in sorted(_places(plan) & _places(other))[:1] if alike else ():
            what = f"{other.profile.name} has {_named(alike)} in namespace {namespace} of cluster {cluster}, too"
            yield Breach("targets.kubernetes.namespace", what)


def _address(value: Any) -> str | None:  # noqa: ANN401  # text, or a reference to a secret
    """Return host, port and path of an address; None for a reference. What is left out is what clients take for it."""
    if not isinstance(value, str):
        return None
    parts = urlsplit(value if "://" in value else f"//{value}")
    port, path = DEFAULTS.get(parts.scheme, (None, ""))
    return f"{parts.hostname}:{parts.port or port}{parts.path.rstrip('/') or path}"


def _same_server(backend: str, plan: Plan, other: Plan) -> bool:
    """Tell whether two profiles use one server, and one space of names in it."""
    mine, theirs = getattr(plan.profile.backends, backend), getattr(other.profile.backends, backend)
    if mine is None or theirs is None:
        return False
    if backend == "celery":
        mine, theirs = mine.broker, theirs.broker
        if mine.key_prefix != theirs.key_prefix:
            return False
    elif mine.namespace != theirs.namespace:
        return False
    field = {"celery": "url", "temporal": "address", "hatchet": "token"}[backend]
    one, two = getattr(mine, field), getattr(theirs, field)
    address = _address(one)
    if address is not None:
        return address == _address(two)
    # One secret of one namespace; of Hatchet the token says which tenant it is.
    return one == two and bool(_places(plan) & _places(other))


_QUEUES_AT: Final[Mapping[str, str]] = {
    "celery": "backends.celery.broker.url",
    "temporal": "backends.temporal.address",
    "hatchet": "backends.hatchet.token",
}


@_across(
    "X02",
    "W/E/E",
    why="the workers of one profile take the tasks of the other, with other code, limits and settings",
    reference="docs/rules/across.md",
    remedy="give each profile a broker, database, virtual host, prefix, namespace or tenant of its own, or waive X02",
)
def queues_belong_to_one_profile(plan: Plan, others: Sequence[Plan]) -> Iterator[Breach]:
    """Two profiles serve no queue of one name on one server."""
    for other in others:
        for backend in plan.backends:
            mine = {queue.name: queue for queue in plan.queues if queue.backend == backend and queue.tiers}
            theirs = {queue.name: queue for queue in other.queues if queue.backend == backend and queue.tiers}
            alike = sorted(mine.keys() & theirs.keys())
            if alike and _same_server(backend, plan, other):
                what = f"{other.profile.name} serves queue {_named(alike)} of this server, too"
                differing = backend == "celery" and _arguments(plan, alike[0]) != _arguments(other, alike[0])
                yield Breach(
                    _QUEUES_AT[backend],
                    what + (", declared in another way: the second worker is refused" if differing else ""),
                )


def _arguments(plan: Plan, queue: str) -> tuple[Any, ...] | None:
    """Return what RabbitMQ compares when a queue is declared again."""
    celery = plan.profile.backends.celery
    if celery is None or celery.broker.kind != "rabbitmq":
        return None
    dead_letter = next(entry.dead_letter for entry in plan.queues if entry.name == queue)
    return celery.broker.queue_type, celery.broker.priorities, dead_letter


@_across(
    "X03",
    "W/E/E",
    why="any worker gives back what is unacknowledged for as long as its own timeout says: the shortest one wins",
    reference="Celery documentation, Redis, visibility timeout",
    remedy="state the longest one as broker.visibility_timeout in each profile, or give each a database of its own",
)
def timeouts_agree(plan: Plan, others: Sequence[Plan]) -> Iterator[Breach]:
    """Profiles with one broker on Redis have one visibility timeout."""
    for other in others:
        mine, theirs = plan.visibility_timeout, other.visibility_timeout
        if mine is not None and theirs is not None and theirs < mine and _same_server("celery", plan, other):
            what = f"{text(mine)}, and {other.profile.name} has {text(theirs)} on this broker"
            yield Breach("backends.celery.broker.visibility_timeout", what)


ACROSS: Final = (one_provider_of_metrics, objects_have_names_of_their_own, queues_belong_to_one_profile, timeouts_agree)


def check_all(
    plans: Mapping[str, Plan], *, position: Callable[[str, str], Position]
) -> Mapping[str, tuple[Finding, ...]]:
    """Return the findings of each profile beside the others, by name.

    Args:
        plans: by profile.
        position: gives the place of a path in the files of a profile.
    """
    return {
        name: tuple(
            run(
                [entry.beside([other for key, other in plans.items() if key != name]) for entry in ACROSS],
                plan,
                position=partial(position, name),
            )
        )
        for name, plan in plans.items()
    }
