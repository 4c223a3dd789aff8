"""Autoscalers and disruption budgets: what the API server and KEDA's webhook accept, and what then never works."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from taskgen.verifying.manifests import Manifest
from taskgen.verifying.objects.cluster import Cluster, Problem, pod_labels, problem

LONGEST_TARGET: Final = 54
"""KEDA names the HPA `keda-hpa-<name>`, 63 at most (invariants.md K15)."""
OVER_HTTP: Final = frozenset({"metrics-api", "prometheus"})
"""Triggers that fall back; all others freeze the size when blind (invariants.md K12)."""
TRIGGERS: Final[Mapping[str, tuple[frozenset[str], str | None]]] = {
    "metrics-api": (
        frozenset({"url", "valueLocation", "targetValue", "format", "authMode", "unsafeSsl"}),
        "targetValue",
    ),
    "prometheus": (
        frozenset({"serverAddress", "query", "threshold", "ignoreNullValues", "namespace", "authModes"}),
        "threshold",
    ),
    "cron": (frozenset({"timezone", "start", "end", "desiredReplicas"}), "desiredReplicas"),
    "cpu": (frozenset({"value", "containerName"}), "value"),
    "memory": (frozenset({"value", "containerName"}), None),
}
"""Type -> known metadata keys and the key of its number (KEDA 2.20): any other is accepted, and never works."""
LEAST_FOR_BUDGET: Final = 2


def one_scaler(cluster: Cluster) -> Iterator[Problem]:
    """A workload has one autoscaler, and then no replicas of its own (invariants.md K01, K02)."""
    scalers = list(cluster.of("ScaledObject", "HorizontalPodAutoscaler"))
    counts = Counter(str(entry.at("spec.scaleTargetRef.name")) for entry in scalers)
    for manifest in scalers:
        name = str(manifest.at("spec.scaleTargetRef.name"))
        target = cluster.find(str(manifest.at("spec.scaleTargetRef.kind", "Deployment")), name)
        if target is None:
            yield problem(manifest, f"spec.scaleTargetRef names {name}, which is not rendered")
        elif target.at("spec.replicas") is not None:
            yield problem(target, f"spec.replicas beside the autoscaler {manifest.name}: each apply resets the size")
        if counts[name] > 1:
            yield problem(manifest, f"{name} has {counts[name]} autoscalers: its size flaps")
        if manifest.kind == "ScaledObject" and len(manifest.name) > LONGEST_TARGET:
            yield problem(manifest, f"name of {len(manifest.name)} characters, KEDA allows {LONGEST_TARGET}")


def bounds(cluster: Cluster) -> Iterator[Problem]:
    """Min is not above max; the fallback is between them (invariants.md K12, K27)."""
    for manifest in cluster.of("ScaledObject", "HorizontalPodAutoscaler"):
        keda = manifest.kind == "ScaledObject"
        low = manifest.at("spec.minReplicaCount" if keda else "spec.minReplicas", 0 if keda else 1)
        high = manifest.at("spec.maxReplicaCount" if keda else "spec.maxReplicas", 100)
        if low > high:
            yield problem(manifest, f"min {low} is above max {high}")
        if not keda and low < 1:
            yield problem(manifest, "minReplicas 0 needs the alpha gate HPAScaleToZero: use KEDA, or at least 1")
        fallback = manifest.at("spec.fallback.replicas")
        if fallback is not None and not low <= fallback <= high:
            yield problem(manifest, f"spec.fallback.replicas {fallback} is not between {low} and {high}")
        behavior = manifest.at("spec.advanced.horizontalPodAutoscalerConfig.behavior" if keda else "spec.behavior", {})
        if not {"scaleUp", "scaleDown"} <= behavior.keys():
            yield problem(manifest, "behavior does not state both directions")


def keda_settings(cluster: Cluster) -> Iterator[Problem]:
    """Fallback, cooldown and idle count of a ScaledObject do what they seem to (invariants.md K11, K12)."""
    for manifest in cluster.of("ScaledObject"):
        kinds = {str(trigger.get("type")) for trigger in manifest.at("spec.triggers", [])}
        behavior = manifest.at("spec.fallback.behavior")
        if kinds & OVER_HTTP and manifest.at("spec.fallback") is None:
            yield problem(manifest, "no spec.fallback: a blind scaler freezes the size")
        elif kinds & OVER_HTTP and behavior != "currentReplicasIfHigher":
            yield problem(manifest, f"spec.fallback.behavior is {behavior}: a blind scaler may shrink the tier")
        zero = manifest.at("spec.minReplicaCount", 0) == 0
        if zero and manifest.at("spec.cooldownPeriod") is None:
            yield problem(manifest, "min 0 without cooldownPeriod: scaled to zero in the middle of work")
        if not zero and manifest.at("spec.cooldownPeriod") is not None:
            yield problem(manifest, "cooldownPeriod acts only with min 0")
        idle = manifest.at("spec.idleReplicaCount")
        if idle is not None and (idle != 0 or zero):
            yield problem(manifest, f"idleReplicaCount {idle}: only 0 below min works, others flap without end")


def triggers(cluster: Cluster) -> Iterator[Problem]:
    """Every trigger has a type, keys, number and metric type that KEDA acts on (invariants.md K05, K26)."""
    for manifest in cluster.of("ScaledObject"):
        for number, trigger in enumerate(manifest.at("spec.triggers", [])):
            for text in _trigger(cluster, manifest, trigger):
                yield problem(manifest, f"spec.triggers[{number}] {text}")


def _trigger(cluster: Cluster, manifest: Manifest, trigger: Mapping[str, Any]) -> Iterator[str]:
    kind, metadata = str(trigger.get("type")), trigger.get("metadata") or {}
    if kind not in TRIGGERS:
        yield f"is of type {kind}, which taskgen does not know"
        return
    keys, number = TRIGGERS[kind]
    yield from (f"has the unknown key {key}: KEDA ignores it" for key in sorted(metadata.keys() - keys))
    yield from (f"{key} is {value!r}, no text" for key, value in metadata.items() if not isinstance(value, str))
    if number and not _is_positive(metadata.get(number)):
        yield f"{number} is {metadata.get(number)!r}, no number above 0"
    allowed = {"cpu": "Utilization", "memory": "AverageValue", "cron": None}.get(kind, "AverageValue")
    if trigger.get("metricType") not in {allowed, *([None] if kind == "cron" else [])}:
        yield f"has metricType {trigger.get('metricType')}, {kind} needs {allowed}"
    if kind in _SPECIAL:
        yield from _SPECIAL[kind](cluster, manifest, metadata)


def _is_positive(value: object) -> bool:
    try:
        return float(str(value)) > 0
    except ValueError:
        return False


def _exporter(cluster: Cluster, manifest: Manifest, metadata: Mapping[str, Any]) -> Iterator[str]:
    url = urlsplit(str(metadata.get("url")))
    service, namespace, *_ = [*(url.hostname or "").split("."), ""]
    found = cluster.find("Service", service)
    if found is None or found.namespace != namespace:
        yield f"asks {url.netloc}, which is no rendered Service"
    elif url.port not in {port.get("port") for port in found.at("spec.ports", [])}:
        yield f"asks port {url.port}, which Service {service} does not have"
    target = cluster.find("Deployment", str(manifest.at("spec.scaleTargetRef.name")))
    tier = pod_labels(target).get("tier") if target else None
    if target and url.path != f"/scaling/{tier}":
        yield f"asks {url.path} for tier {tier}"


def _prometheus(_: Cluster, __: Manifest, metadata: Mapping[str, Any]) -> Iterator[str]:
    if metadata.get("ignoreNullValues") != "false":
        yield 'needs ignoreNullValues "false": else a dead exporter reads as 0'


def _cron(_: Cluster, __: Manifest, metadata: Mapping[str, Any]) -> Iterator[str]:
    try:
        ZoneInfo(str(metadata.get("timezone")))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield f"has the unknown time zone {metadata.get('timezone')!r}"


_SPECIAL: Final[Mapping[str, Callable[[Cluster, Manifest, Mapping[str, Any]], Iterator[str]]]] = {
    "metrics-api": _exporter,
    "prometheus": _prometheus,
    "cron": _cron,
}


def metrics(cluster: Cluster) -> Iterator[Problem]:
    """External metrics of an HPA are counts for each pod, never a utilisation (invariants.md K05)."""
    for manifest in cluster.of("HorizontalPodAutoscaler"):
        for number, metric in enumerate(manifest.at("spec.metrics", [])):
            kind = ((metric.get("external") or {}).get("target") or {}).get("type")
            if metric.get("type") == "External" and kind not in {"AverageValue", "Value"}:
                yield problem(manifest, f"spec.metrics[{number}] is External with target type {kind}")


def budgets(cluster: Cluster) -> Iterator[Problem]:
    """A disruption budget leaves a drain something to evict (invariants.md K03)."""
    scalers = {
        str(entry.at("spec.scaleTargetRef.name")): entry
        for entry in cluster.of("ScaledObject", "HorizontalPodAutoscaler")
    }
    for manifest in cluster.of("PodDisruptionBudget"):
        if manifest.at("spec.maxUnavailable") != 1 or manifest.at("spec.minAvailable") is not None:
            yield problem(manifest, "spec.maxUnavailable is not 1: minAvailable can block drains for ever")
        if manifest.at("spec.unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield problem(manifest, "spec.unhealthyPodEvictionPolicy is not AlwaysAllow: a broken pod blocks the drain")
        wanted = manifest.at("spec.selector.matchLabels", {})
        for work in cluster.of("Deployment"):
            if wanted and wanted.items() <= pod_labels(work).items():
                scaler = scalers.get(work.name)
                fixed = work.at("spec.replicas", 1)
                least = scaler.at("spec.minReplicaCount", scaler.at("spec.minReplicas", 0)) if scaler else fixed
                if least < LEAST_FOR_BUDGET:
                    yield problem(manifest, f"{work.name} may have {least} replicas: a budget then blocks every drain")
