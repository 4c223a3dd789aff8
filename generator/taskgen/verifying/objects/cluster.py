"""The objects of one cluster's folder, seen together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from taskgen.verifying.manifests import Manifest

WORKLOADS: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job"})
"""Kinds with a pod template at spec.template."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an object."""

    path: str
    """of the artifact"""
    text: str
    """names the object and the field"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """All objects that are applied to one cluster, and what exists there beside them."""

    manifests: Sequence[Manifest]
    external: frozenset[str]
    """`Kind/name` of what the profile declares to exist already"""

    def of(self, *kinds: str) -> Iterator[Manifest]:
        """Yield the objects of some kinds."""
        return (manifest for manifest in self.manifests if manifest.kind in kinds)

    def find(self, kind: str, name: str) -> Manifest | None:
        """Return an object by kind and name."""
        return next((manifest for manifest in self.of(kind) if manifest.name == name), None)

    def workloads(self) -> Iterator[Manifest]:
        """Yield the objects with a pod template."""
        return self.of(*WORKLOADS)


def problem(manifest: Manifest, text: str) -> Problem:
    """Return a problem of an object."""
    return Problem(manifest.path, f"{manifest.kind}/{manifest.name}: {text}")


def pod(manifest: Manifest) -> Mapping[str, Any]:
    """Return the pod of a workload."""
    found = manifest.at("spec.template.spec", {})
    return found if isinstance(found, Mapping) else {}


def pod_labels(manifest: Manifest) -> Mapping[str, Any]:
    """Return the labels of a workload's pods."""
    found = manifest.at("spec.template.metadata.labels", {})
    return found if isinstance(found, Mapping) else {}


def containers(manifest: Manifest) -> list[Mapping[str, Any]]:
    """Return init containers and containers of a workload."""
    spec = pod(manifest)
    return [
        entry for key in ("initContainers", "containers") for entry in spec.get(key) or () if isinstance(entry, Mapping)
    ]


def selects(selector: object, labels: Mapping[str, Any]) -> bool:
    """Tell whether a selector with matchLabels and matchExpressions (In) matches labels; an empty one matches all."""
    if not isinstance(selector, Mapping):
        return False
    same = all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    listed = all(
        labels.get(entry.get("key")) in (entry.get("values") or ())
        for entry in selector.get("matchExpressions") or ()
        if entry.get("operator") == "In"
    )
    return same and listed


def nested(value: object, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every mapping in a value with its path."""
    if isinstance(value, Mapping):
        yield path, value
        for key, below in value.items():
            yield from nested(below, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from nested(below, f"{path}[{number}]")
