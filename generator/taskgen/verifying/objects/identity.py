"""Names, labels, namespaces and quantities."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from taskgen.verifying.objects.cluster import Cluster, Problem, nested, problem

LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
"""A part of a name (RFC 1123)."""
SUBDOMAIN_KINDS: Final = frozenset(
    {"ConfigMap", "Secret", "PriorityClass", "ScaledObject", "PodMonitor", "ServiceMonitor"}
)
"""Kinds whose names may have dots and 253 characters; those of pods and services become labels: 63 without dots."""
LONGEST_LABEL: Final = 63
LONGEST_NAME: Final = 253
LABEL_VALUE: Final = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
QUANTITY: Final = re.compile(r"\d+(\.\d+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
"""What the API server takes for an amount; `256MB` is none, and passes the schemas (verifying.md 2)."""
QUANTITY_FIELDS: Final = frozenset({"requests", "limits"})
CLUSTER_KINDS: Final = frozenset({"Namespace", "PriorityClass", "ClusterRole", "ClusterRoleBinding"})


def names(cluster: Cluster) -> Iterator[Problem]:
    """Names are RFC 1123, and each exists once."""
    for manifest in cluster.manifests:
        short = manifest.kind not in SUBDOMAIN_KINDS
        longest = LONGEST_LABEL if short else LONGEST_NAME
        parts = [manifest.name] if short else manifest.name.split(".")
        if len(manifest.name) > longest or not all(LABEL.fullmatch(part) for part in parts):
            yield problem(manifest, f"{manifest.name!r} is no name: lower-case letters, digits, '-', {longest} at most")
    seen = Counter((manifest.kind, manifest.group, manifest.namespace, manifest.name) for manifest in cluster.manifests)
    for manifest in cluster.manifests:
        if seen[manifest.kind, manifest.group, manifest.namespace, manifest.name] > 1:
            yield problem(manifest, "there is another object of this kind and name")


def namespaces(cluster: Cluster) -> Iterator[Problem]:
    """Every object carries the one namespace of the folder; the tool that applies it may have another as default."""
    rendered = [manifest.name for manifest in cluster.of("Namespace")]
    used = Counter(manifest.namespace for manifest in cluster.manifests if manifest.kind not in CLUSTER_KINDS)
    expected = rendered[0] if rendered else next((name for name, _ in used.most_common(1)), "")
    for manifest in cluster.manifests:
        if manifest.kind not in CLUSTER_KINDS and manifest.namespace != expected:
            yield problem(manifest, f"metadata.namespace is {manifest.namespace!r}, the others are in {expected!r}")


def labels(cluster: Cluster) -> Iterator[Problem]:
    """Values of labels are what the API server takes: 63 characters with alphanumeric ends."""
    for manifest in cluster.manifests:
        for path, mapping in nested(manifest.data):
            if path.rpartition(".")[2] in {"labels", "matchLabels"}:
                for name, value in mapping.items():
                    if not isinstance(value, str) or not LABEL_VALUE.fullmatch(value):
                        yield problem(manifest, f"{path}.{name}: {value!r} is no value of a label")


def quantities(cluster: Cluster) -> Iterator[Problem]:
    """Amounts of CPU, memory and disk have a unit that Kubernetes knows."""
    for manifest in cluster.manifests:
        for path, mapping in nested(manifest.data):
            leaf = path.rpartition(".")[2]
            found = (
                mapping.items()
                if leaf in QUANTITY_FIELDS
                else [(key, mapping[key]) for key in ("sizeLimit",) if key in mapping]
            )
            for name, value in found:
                if not QUANTITY.fullmatch(str(value)):
                    yield problem(manifest, f"{path}.{name}: {value!r} is no quantity, write 256Mi, 1Gi or 500m")


def no_secrets(cluster: Cluster) -> Iterator[Problem]:
    """No Secret is rendered: the output is committed, references are enough."""
    for manifest in cluster.of("Secret"):
        yield problem(manifest, "a Secret must not be rendered, refer to one that exists")
