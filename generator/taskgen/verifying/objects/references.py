"""References between objects: what is named exists, and what selects finds exactly what it should."""

from collections.abc import Iterator, Mapping
from typing import Any

from taskgen.plan.model import EnvVar, Plan, SecretMount
from taskgen.verifying.manifests import Manifest
from taskgen.verifying.objects.cluster import Cluster, Problem, containers, nested, pod, pod_labels, problem, selects


def external_objects(plan: Plan) -> frozenset[str]:
    """Return `Kind/name` of everything that the profile declares to exist beside the rendered objects."""
    found = {f"Secret/{mount.secret}" for mounts, _ in _processes(plan) for mount in mounts}
    found |= {f"Secret/{entry.secret.secret}" for _, env in _processes(plan) for entry in env if entry.secret}
    pods = [plan.pod, *(tier.pod for tier in plan.tiers)]
    found |= {f"Secret/{entry.pull_secret}" for entry in pods if entry.pull_secret}
    # What the profile writes as Kubernetes objects of its own names what exists.
    stated = [{"volumes": list(entry.volumes), "initContainers": list(entry.init_containers)} for entry in pods]
    return frozenset(found | {reference for spec in stated for reference, _ in _references(spec)})


def _processes(plan: Plan) -> Iterator[tuple[tuple[SecretMount, ...], tuple[EnvVar, ...]]]:
    yield from ((tier.mounts, tier.env) for tier in plan.tiers)
    yield from ((process.mounts, process.env) for process in (*plan.exporters, plan.beat) if process is not None)


def _references(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield `Kind/name` and the path of everything that a pod refers to by name."""
    simple = {"serviceAccountName": "ServiceAccount", "priorityClassName": "PriorityClass"}
    for key, kind in simple.items():
        if key in spec:
            yield f"{kind}/{spec[key]}", key
    named = {"configMapRef": "ConfigMap", "configMapKeyRef": "ConfigMap", "configMap": "ConfigMap"}
    named |= {"secretRef": "Secret", "secretKeyRef": "Secret", "persistentVolumeClaim": "PersistentVolumeClaim"}
    for path, mapping in nested(spec):
        leaf = path.rpartition(".")[2]
        if mapping.get("optional") is True:
            continue
        if leaf in named:
            yield f"{named[leaf]}/{mapping.get('name', mapping.get('claimName'))}", path
        elif leaf == "secret" and "secretName" in mapping:
            yield f"Secret/{mapping['secretName']}", path
        elif path.startswith("imagePullSecrets["):
            yield f"Secret/{mapping.get('name')}", path


def objects_exist(cluster: Cluster) -> Iterator[Problem]:
    """Every ConfigMap, Secret, account and priority class of a pod is rendered or declared (invariants.md K17)."""
    for manifest in cluster.workloads():
        for reference, path in _references(pod(manifest)):
            kind, _, name = reference.partition("/")
            built_in = reference.startswith("PriorityClass/system-") or reference == "ServiceAccount/default"
            if not built_in and reference not in cluster.external and cluster.find(kind, name) is None:
                yield problem(manifest, f"{path} names {reference}, which is neither rendered nor declared")


def selectors(cluster: Cluster) -> Iterator[Problem]:
    """A workload finds its own pods and those of no other (invariants.md K19, K27)."""
    workloads = [manifest for manifest in cluster.workloads() if manifest.kind != "Job"]
    for manifest in workloads:
        selector = manifest.at("spec.selector")
        if not (manifest.at("spec.selector.matchLabels") or manifest.at("spec.selector.matchExpressions")):
            yield problem(manifest, "spec.selector is empty")
        elif not selects(selector, pod_labels(manifest)):
            yield problem(manifest, "spec.selector does not match the labels of its own pods")
        for other in workloads:
            if other is not manifest and other.namespace == manifest.namespace and selects(selector, pod_labels(other)):
                yield problem(manifest, f"spec.selector also matches the pods of {other.name}")


def _targets(cluster: Cluster, manifest: Manifest, selector: object) -> list[Manifest]:
    return [
        work
        for work in cluster.workloads()
        if work.namespace == manifest.namespace and selects(selector, pod_labels(work))
    ]


def nothing_dangles(cluster: Cluster) -> Iterator[Problem]:
    """What selects pods finds some: budgets, services, policies, monitors, spread."""
    for manifest in cluster.of("PodDisruptionBudget", "NetworkPolicy", "PodMonitor", "Service"):
        path = "spec.podSelector" if manifest.kind == "NetworkPolicy" else "spec.selector"
        selector = manifest.at(path, {})
        if manifest.kind == "Service":
            selector = {"matchLabels": selector}
        if not selector or not any(selector.values()):
            yield problem(manifest, f"{path} is empty: it selects every pod of the namespace")
        elif not _targets(cluster, manifest, selector):
            yield problem(manifest, f"{path} selects no pod")
    for manifest in cluster.of("ServiceMonitor"):
        found = [
            entry
            for entry in cluster.of("Service")
            if selects(manifest.at("spec.selector"), entry.at("metadata.labels", {}))
        ]
        if not found:
            yield problem(manifest, "spec.selector selects no Service")
    for manifest in cluster.workloads():
        for number, entry in enumerate(pod(manifest).get("topologySpreadConstraints") or ()):
            if not selects(entry.get("labelSelector"), pod_labels(manifest)):
                yield problem(manifest, f"topologySpreadConstraints[{number}] does not select its own pods")


def ports_exist(cluster: Cluster) -> Iterator[Problem]:
    """Services and monitors name ports that somebody declares."""
    for manifest in cluster.of("Service"):
        declared = {
            value
            for work in _targets(cluster, manifest, {"matchLabels": manifest.at("spec.selector", {})})
            for container in containers(work)
            for port in container.get("ports") or ()
            for value in (port.get("name"), port.get("containerPort"))
        }
        for port in manifest.at("spec.ports", []):
            if port.get("targetPort", port.get("port")) not in declared:
                yield problem(
                    manifest, f"port {port.get('name')}: no selected container declares {port.get('targetPort')}"
                )
    for manifest in cluster.of("PodMonitor"):
        names = {
            port.get("name")
            for work in _targets(cluster, manifest, manifest.at("spec.selector"))
            for container in containers(work)
            for port in container.get("ports") or ()
        }
        for endpoint in manifest.at("spec.podMetricsEndpoints", []):
            if endpoint.get("port") not in names:
                yield problem(manifest, f"no selected container has a port {endpoint.get('port')}")
    for manifest in cluster.of("ServiceMonitor"):
        services = [
            entry
            for entry in cluster.of("Service")
            if selects(manifest.at("spec.selector"), entry.at("metadata.labels", {}))
        ]
        names = {port.get("name") for service in services for port in service.at("spec.ports", [])}
        for endpoint in manifest.at("spec.endpoints", []):
            if services and endpoint.get("port") not in names:
                yield problem(manifest, f"no selected Service has a port {endpoint.get('port')}")
