"""What several rules read from a profile: options of a target, settings of Celery, addresses written in clear."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from taskgen.plan.model import Plan, TierPlan
from taskgen.profile.backends import Broker
from taskgen.profile.paths import join
from taskgen.profile.pod import Pod

PORTS: Final = {
    "redis": 6379,
    "rediss": 6379,
    "sentinel": 26379,
    "amqp": 5672,
    "amqps": 5671,
    "http": 80,
    "https": 443,
}
"""Ports where a URL names none."""


def options(plan: Plan, target: str) -> Any | None:  # noqa: ANN401  # the model of a target comes from its target.yaml
    """Return the options of a target, None where it is not rendered."""
    return getattr(plan.profile.targets, target, None)


def pods(plan: Plan) -> Mapping[str, Pod]:
    """Return what the profile states about pods, by path: of every tier, and of each."""
    return {"pod": plan.profile.pod, **{f"tiers.{tier.name}.pod": tier.profile.pod for tier in plan.tiers}}


def scaled(plan: Plan) -> tuple[TierPlan, ...]:
    """Return the tiers that an autoscaler of Kubernetes owns."""
    kubernetes = options(plan, "kubernetes")
    if kubernetes is None or kubernetes.autoscaler == "none":
        return ()
    return tuple(tier for tier in plan.tiers if tier.autoscaled)


def broker(plan: Plan, *kinds: str) -> Broker | None:
    """Return the broker if it is of one of these kinds and a tier uses it."""
    celery = plan.profile.backends.celery
    return celery.broker if celery and celery.broker.kind in kinds and plan.tiers_of("celery") else None


def redis(plan: Plan) -> Broker | None:
    """Return the broker if it is Redis."""
    return broker(plan, "redis", "redis-sentinel")


def setting(plan: Plan, *path: str) -> tuple[str, Any] | None:
    """Return place and value of something that the profile states under `backends.celery.settings`, None if nothing."""
    value: Any = plan.profile.backends.celery.settings if plan.profile.backends.celery else {}
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return join(("backends", "celery", "settings", *path)), value


def literal_urls(plan: Plan) -> Iterator[tuple[str, SplitResult]]:
    """Yield place and parts of the addresses of Celery that are written in clear instead of in a secret."""
    celery = plan.profile.backends.celery
    if celery is None:
        return
    for path, url in (("broker.url", celery.broker.url), ("results.url", celery.results.url)):
        if isinstance(url, str):
            yield f"backends.celery.{path}", urlsplit(url)


def port_of(url: str) -> int | None:
    """Return the port of a URL or `host:port`."""
    parts = urlsplit(url if "://" in url else f"//{url}")
    return parts.port or PORTS.get(parts.scheme)
