"""Rules of family K on what only a cluster would refuse: keys and values of labels, tolerations, names of clusters."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from taskgen.plan.model import Plan
from taskgen.profile.base import OBJECT_NAME
from taskgen.profile.paths import join, split
from taskgen.rules.engine import Breach, rule
from taskgen.rules.reading import options, pods

_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.\-]{0,61}[A-Za-z0-9])?")
_PREFIX: Final = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9\-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9\-]*[a-z0-9])?)*")
_TOLERATION: Final = frozenset({"key", "operator", "value", "effect", "tolerationSeconds"})
_EFFECTS: Final = frozenset({"NoSchedule", "PreferNoSchedule", "NoExecute"})


def _key_fault(key: str) -> str | None:
    """Return what is wrong with the key of a label or annotation."""
    prefix, slash, name = key.rpartition("/")
    if slash and not _PREFIX.fullmatch(prefix):
        return f"{key!r}: before the slash stands a domain in lower case"
    if not _NAME.fullmatch(name):
        return f"{key!r} is no key: letters, digits and - _ . with alphanumeric ends, at most 63 characters"
    return None


def _label_faults(at: str, labels: Mapping[str, Any], *, values: bool) -> Iterator[Breach]:
    for key, value in labels.items():
        path = join((*split(at), key))
        fault = _key_fault(key)
        if fault:
            yield Breach(path, fault)
        elif values and value and not _NAME.fullmatch(value):
            yield Breach(path, f"{value!r} is no value of a label: at most 63 letters, digits and - _ .")


def _toleration_fault(entry: Mapping[str, str]) -> str | None:
    operator, seconds = entry.get("operator", "Equal"), entry.get("tolerationSeconds")
    unknown = sorted(entry.keys() - _TOLERATION)
    faults = (
        (unknown, f"has no {unknown[0] if unknown else ''}: {', '.join(sorted(_TOLERATION))}"),
        (operator not in {"Equal", "Exists"}, f"operator {operator} is none: Equal or Exists"),
        (operator == "Exists" and entry.get("value"), "Exists takes no value: remove it"),
        (operator == "Equal" and not entry.get("key"), "without a key only operator: Exists bears every taint"),
        (entry.get("key") and _key_fault(entry.get("key", "")), "its key is no key of a taint"),
        (entry.get("effect", "NoExecute") not in _EFFECTS, f"effect is none of {', '.join(sorted(_EFFECTS))}"),
        (seconds is not None and not re.fullmatch(r"-?\d{1,9}", seconds), f"tolerationSeconds {seconds} is no number"),
        (seconds is not None and entry.get("effect") != "NoExecute", "tolerationSeconds goes with effect: NoExecute"),
    )
    return next((words for wrong, words in faults if wrong), None)


@rule(
    "K34",
    "E/E/E",
    why="the API server refuses the object when it is applied, long after the render",
    reference="Kubernetes documentation: labels and selectors, taints and tolerations",
    remedy="write it as the API server takes it",
)
def labels_are_taken(plan: Plan) -> Iterator[Breach]:
    """Keys and values of labels and annotations, and tolerations, are ones that Kubernetes takes."""
    kubernetes = options(plan, "kubernetes")
    if kubernetes is None:
        return
    for at, pod in pods(plan).items():
        for field in ("labels", "node_selector", "annotations", "service_account_annotations"):
            yield from _label_faults(f"{at}.{field}", getattr(pod, field), values="annotations" not in field)
        for name, entry in pod.tolerations.items():
            fault = _toleration_fault(entry) if entry is not None else None
            if fault:
                yield Breach(join((*split(at), "tolerations", name)), fault)
    yield from _label_faults("targets.kubernetes.monitor_labels", kubernetes.monitor_labels, values=True)
    for name, further in plan.profile.egress.items():
        if further is not None:
            yield from _label_faults(join(("egress", name, "pod_labels")), further.pod_labels, values=True)


@rule(
    "K35",
    "E/E/E",
    why="each cluster is a folder of the output: without one nothing would be rendered, and two would be one",
    reference="docs/targets/kubernetes.md",
    remedy="name each cluster once, in lower-case letters, digits and '-'",
)
def clusters_have_names(plan: Plan) -> Iterator[Breach]:
    """The clusters of a profile are named, each once."""
    kubernetes = options(plan, "kubernetes")
    if kubernetes is None:
        return
    if not kubernetes.clusters:
        yield Breach("targets.kubernetes.clusters", "there is none", "leave it out: one cluster is called default")
    for name, count in Counter(kubernetes.clusters).items():
        if not OBJECT_NAME.fullmatch(name):
            yield Breach("targets.kubernetes.clusters", f"{name!r} is no name")
        elif count > 1:
            yield Breach("targets.kubernetes.clusters", f"{name} is there {count} times")
