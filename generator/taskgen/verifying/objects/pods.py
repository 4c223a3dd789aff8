"""Pods: images, ports, probes, volumes, and what Pod Security admission refuses."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from taskgen.verifying.manifests import Manifest
from taskgen.verifying.objects.cluster import Cluster, Problem, containers, pod, problem

PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")
ENFORCE: Final = "pod-security.kubernetes.io/enforce"


def images(cluster: Cluster) -> Iterator[Problem]:
    """Every container has an image with a tag or digest, and not the tag that moves."""
    for manifest in cluster.workloads():
        if not pod(manifest).get("containers"):
            yield problem(manifest, "no container")
        for container in containers(manifest):
            image = str(container.get("image", ""))
            _, _, tag = image.rpartition("/")[2].partition(":")
            if not image:
                yield problem(manifest, f"container {container.get('name')} has no image")
            elif "@sha256:" not in image and tag in {"", "latest"}:
                yield problem(
                    manifest, f"container {container.get('name')}: {image} names no version, give a digest or tag"
                )


def unique_names(cluster: Cluster) -> Iterator[Problem]:
    """Containers, variables, ports, volumes and mounts of a pod have a name each; a second one is refused."""
    for manifest in cluster.workloads():
        spec = pod(manifest)
        lists = [("volume", [entry.get("name") for entry in spec.get("volumes") or ()])]
        lists.append(("container", [entry.get("name") for entry in containers(manifest)]))
        for container in containers(manifest):
            lists.append(("variable", [entry.get("name") for entry in container.get("env") or ()]))
            lists.append(("port", [entry.get("name") for entry in container.get("ports") or ()]))
            lists.append(("mount", [entry.get("mountPath") for entry in container.get("volumeMounts") or ()]))
        for what, found in lists:
            for name, count in Counter(found).items():
                if count > 1:
                    yield problem(manifest, f"{what} {name} is there {count} times")


def probes(cluster: Cluster) -> Iterator[Problem]:
    """Probes ask a port that the container declares; none asks the broker (invariants.md K09)."""
    for manifest in cluster.workloads():
        for container in containers(manifest):
            ports = container.get("ports") or ()
            declared = {value for port in ports for value in (port.get("name"), port.get("containerPort"))}
            for name in PROBES:
                probe = container.get(name) or {}
                asked = next((probe[way]["port"] for way in ("httpGet", "tcpSocket", "grpc") if way in probe), None)
                if asked is not None and asked not in declared:
                    yield problem(
                        manifest, f"{name} asks port {asked}, which container {container.get('name')} does not declare"
                    )
                words = [str(word) for word in (probe.get("exec") or {}).get("command") or ()]
                if "celery" in words or any("inspect" in word for word in words):
                    yield problem(
                        manifest,
                        f"{name} runs {' '.join(words)}: it asks the broker, and restarts the fleet in an outage",
                    )


def mounts(cluster: Cluster) -> Iterator[Problem]:
    """Every mount names a volume of its pod."""
    for manifest in cluster.workloads():
        volumes = {entry.get("name") for entry in pod(manifest).get("volumes") or ()}
        for container in containers(manifest):
            for mount in container.get("volumeMounts") or ():
                if mount.get("name") not in volumes:
                    yield problem(
                        manifest, f"mount {mount.get('mountPath')} names volume {mount.get('name')}, which is not there"
                    )


def admission(cluster: Cluster) -> Iterator[Problem]:
    """Where the rendered namespace enforces `restricted`, no pod breaks it: such a pod is never created."""
    enforced = {
        entry.name for entry in cluster.of("Namespace") if entry.at("metadata.labels", {}).get(ENFORCE) == "restricted"
    }
    for manifest in cluster.workloads():
        if manifest.namespace in enforced:
            for text in _refused(manifest):
                yield problem(manifest, f"Pod Security admission `restricted` refuses {text}")


def _refused(manifest: Manifest) -> Iterator[str]:
    spec = pod(manifest)
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield key
    for volume in spec.get("volumes") or ():
        if "hostPath" in volume:
            yield f"volume {volume.get('name')}: hostPath"
    for container in containers(manifest):
        for text in _too_free(container, spec.get("securityContext") or {}):
            yield f"container {container.get('name')}: {text}"


def _too_free(container: Mapping[str, Any], shared: Mapping[str, Any]) -> Iterator[str]:
    own: Mapping[str, Any] = container.get("securityContext") or {}
    if own.get("privileged") or own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if own.get("runAsNonRoot", shared.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot is not true"
    if "ALL" not in ((own.get("capabilities") or {}).get("drop") or ()):
        yield "capabilities are not dropped"
    if (own.get("seccompProfile") or shared.get("seccompProfile") or {}).get("type") not in {
        "RuntimeDefault",
        "Localhost",
    }:
        yield "no seccompProfile"
    if any("hostPort" in port for port in container.get("ports") or ()):
        yield "hostPort"
