"""Filters of Kubernetes manifests: labels of selectors and pods, peers of network policies, words of the API."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from taskgen.errors import TemplateError
from taskgen.plan.model import EgressPlan, Plan, TierPlan
from taskgen.plan.pod import PodPlan
from taskgen.rendering.filters import digest

MANAGED_BY: Final = {"app.kubernetes.io/managed-by": "taskgen"}


def selector(plan: Plan, component: str, tier: str | None = None, backend: str | None = None) -> dict[str, str]:
    """Return the labels by which the pods of a component are found: nothing in it ever changes (invariants.md K19)."""
    found = {
        "app.kubernetes.io/name": f"{plan.profile.app.name}-{component}",
        "app.kubernetes.io/instance": plan.profile.name,
    }
    return found | {name: value for name, value in (("tier", tier), ("backend", backend)) if value}


def object_labels(plan: Plan, component: str, tier: str | None = None, backend: str | None = None) -> dict[str, str]:
    """Return the labels of an object that is not a pod."""
    return selector(plan, component, tier, backend) | MANAGED_BY


def pod_labels(
    plan: Plan, component: str, pod: PodPlan, tier: str | None = None, backend: str | None = None
) -> dict[str, str]:
    """Return the labels of pods: those of the selector, what describes them, and the profile's own, which never win."""
    own = selector(plan, component, tier, backend) | {
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": plan.profile.app.name,
        **({"app.kubernetes.io/version": pod.version} if pod.version else {}),
        **MANAGED_BY,
    }
    return own | {name: value for name, value in pod.labels.items() if name not in own}


def worker_settings(files: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that processes of the fleet read, and none of a server."""
    return {name: text for name, text in files.items() if name.endswith((".json", ".py"))}


def settings_name(files: Mapping[str, str], plan: Plan) -> str:
    """Return the name of the ConfigMap with the settings: it follows the content, so that a change rolls the pods."""
    return f"{plan.profile.app.name}-settings-{digest(worker_settings(files))}"


def reachable(egress: Iterable[EgressPlan], names: Iterable[str] | None = None) -> list[EgressPlan]:
    """Return the destinations that say where they are, of these names only; an open one would be everywhere."""
    wanted = None if names is None else set(names)
    return [
        entry
        for entry in egress
        if (wanted is None or entry.name in wanted) and (entry.namespace or entry.pod_labels or entry.cidr)
    ]


def network_peers(entry: EgressPlan) -> list[dict[str, Any]]:
    """Return who a network policy opens for a destination: pods of a namespace, or an address range."""
    inside = {}
    if entry.namespace:
        inside["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": entry.namespace}}
    if entry.pod_labels:
        inside["podSelector"] = {"matchLabels": dict(entry.pod_labels)}
    return [*([inside] if inside else []), *([{"ipBlock": {"cidr": entry.cidr}}] if entry.cidr else [])]


def metrics_ports(tiers: Iterable[TierPlan]) -> list[Any]:
    """Return the distinct ports of the tiers that serve metrics, in order of their numbers."""
    found = {port for tier in tiers for port in tier.pod.ports if port.metrics}
    return sorted(found, key=lambda port: (port.number, port.name))


def scaled_by(tier: TierPlan, *kinds: str) -> tuple[Any, ...]:
    """Return the signals of a tier, if the autoscaler knows each: what it cannot read must not vanish in silence.

    Raises:
        TemplateError: a signal, or a window of the week (`schedules`), is of none of these kinds.
    """
    named = {"cpu", "memory", "prometheus", "sql"}
    found = {name for signal in tier.signals if not isinstance(signal, str) for name in named & signal.model_fields_set}
    found |= {"schedules"} if any(tier.profile.scale.schedules.values()) else set()
    unknown = sorted(found - set(kinds))
    if unknown:
        place = f"tiers.{tier.name}.scale.{'schedules' if unknown == ['schedules'] else 'signals'}"
        raise TemplateError(
            f"{place}: {', '.join(unknown)} cannot be rendered for this autoscaler: remove it, or use keda"
        )
    return tuple(tier.signals)


def count_or_percent(value: str) -> int | str:
    """Return `25%` as it is and `3` as a number: Kubernetes tells the two apart by their type."""
    return value if value.endswith("%") else int(value)


def unexpanded(value: str) -> str:
    """Return a text that the kubelet reads back as it is: a `$` before `$` or `(` is doubled.

    In `env` and `command` the kubelet takes `$(NAME)` for a variable and `$$` for one `$` (expansion.go of Kubernetes).
    """
    return re.sub(r"\$(?=[$(])", "$$", value)


def milli(value: float) -> str:
    """Return a number as a Kubernetes quantity: `4`, or thousandths `3200m`, exact to the thousandth."""
    thousandths = round(value * 1000)
    return f"{thousandths}m" if thousandths % 1000 else str(thousandths // 1000)


def percent(value: float) -> int:
    """Return a share as whole percent: `70` for 0.7."""
    return round(value * 100)


FILTERS: Final[Mapping[str, Any]] = {
    "selector": selector,
    "object_labels": object_labels,
    "pod_labels": pod_labels,
    "worker_settings": worker_settings,
    "settings_name": settings_name,
    "reachable": reachable,
    "network_peers": network_peers,
    "metrics_ports": metrics_ports,
    "scaled_by": scaled_by,
    "count_or_percent": count_or_percent,
    "unexpanded": unexpanded,
    "milli": milli,
    "percent": percent,
}
"""By the name that templates use."""
