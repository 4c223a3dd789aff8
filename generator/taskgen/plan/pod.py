"""The pod of a tier: image, ports, probes, security, and what the profile adds under `pod`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from taskgen.plan.ports import HEALTH_PORT, SDK_METRICS_PORT
from taskgen.profile.application import Image
from taskgen.profile.model import Profile
from taskgen.profile.pod import Pod
from taskgen.profile.tier import Tier

USER: Final = 10001
"""Numeric user and group of the rendered image ([Images]; `runAsNonRoot` cannot check a name)."""
POD_SECURITY: Final[Mapping[str, Any]] = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Pod Security admission `restricted` (rule S11)."""
CONTAINER_SECURITY: Final[Mapping[str, Any]] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""The same for each container; the read-only root is stricter than admission asks."""
_OF_THE_CONTAINER: Final = frozenset({*CONTAINER_SECURITY, "privileged", "procMount"})
"""Fields of a security context that only containers have."""
_LABEL_VALUE: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the worker."""

    name: str
    number: int
    metrics: str | None
    """path of the metrics that it serves"""


@dataclass(frozen=True, slots=True)
class Probes:
    """The paths that tell how a worker is, all on one port."""

    port: str
    startup: str
    ready: str
    live: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPlan:
    """A pod with the settings of profile and tier merged by name; the tier wins, a null removes."""

    image: str
    version: str | None
    """tag of the image, where a label can hold it"""
    pull_secret: str | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    service_account_annotations: Mapping[str, str]
    node_selector: Mapping[str, str]
    tolerations: tuple[Mapping[str, Any], ...]
    security: Mapping[str, Any]
    container_security: Mapping[str, Any]
    volumes: tuple[Mapping[str, Any], ...]
    mounts: tuple[Mapping[str, str], ...]
    init_containers: tuple[Mapping[str, Any], ...]
    """what must end before the worker starts, then the sidecars, which restart always"""
    sidecars: bool
    env_from_node: Mapping[str, str]
    ports: tuple[Port, ...]
    probes: Probes | None


def image_reference(image: Image) -> str:
    """Return the image by digest where one is given, else by tag."""
    if image.digest:
        return f"{image.repository}@{image.digest}"
    return f"{image.repository}:{image.tag}" if image.tag else image.repository


def label_value(text: str | None) -> str | None:
    """Return the text if Kubernetes takes it as the value of a label (63 characters, alphanumeric ends), else None."""
    return text if text and _LABEL_VALUE.fullmatch(text) else None


def _kept(profile: Pod, tier: Pod | None, field: str) -> dict[str, Any]:
    merged = {**getattr(profile, field), **(getattr(tier, field) if tier else {})}
    return {name: value for name, value in merged.items() if value is not None}


def _mount(name: str, volume: Mapping[str, Any]) -> dict[str, str]:
    found = {"name": name, "mountPath": str(volume["mount_path"])}
    return {**found, "readOnly": volume["read_only"]} if "read_only" in volume else found


def _toleration(stated: Mapping[str, str]) -> dict[str, Any]:
    seconds = stated.get("tolerationSeconds", "")
    number = {"tolerationSeconds": int(seconds)} if seconds.removeprefix("-").isdecimal() else {}
    return {**stated, **number}


def _container(name: str, stated: Mapping[str, Any], security: Mapping[str, Any], **fixed: object) -> dict[str, Any]:
    return {"name": name, **fixed, "securityContext": security, **stated}


def ports_and_probes(profile: Profile, backend: str) -> tuple[tuple[Port, ...], Probes | None]:
    """Return what the worker serves: the library's server, or what a command of the user's own declares."""
    if profile.app.kind != "command":
        ports = [Port("metrics", HEALTH_PORT, "/metrics")]
        if backend in SDK_METRICS_PORT and profile.app.kind == "task_abstraction":
            ports.append(Port("sdk-metrics", SDK_METRICS_PORT[backend], "/metrics"))
        return tuple(ports), Probes("metrics", "/startupz", "/readyz", "/livez")
    health = profile.app.health
    if health is None:
        return (), None
    shared = health.metrics_port == health.port
    ports = [Port("health", health.port, health.metrics_path if shared else None)]
    if health.metrics_port and not shared:
        ports.append(Port("metrics", health.metrics_port, health.metrics_path))
    return tuple(ports), Probes("health", health.path, health.path, health.path)


def pod_plan(profile: Profile, tier: Tier | None, backend: str) -> PodPlan:
    """Return the pod of a tier, or of a process beside the tiers when `tier` is None."""
    own = tier.pod if tier else None
    image = (tier.image if tier else None) or profile.app.image
    stated = {**profile.pod.security, **(own.security if own else {})}
    inner = {**CONTAINER_SECURITY, **{key: value for key, value in stated.items() if key in _OF_THE_CONTAINER}}
    ports, probes = ports_and_probes(profile, backend)
    volumes = _kept(profile.pod, own, "volumes") if tier else {}
    before = _kept(profile.pod, own, "init_containers") if tier else {}
    beside = _kept(profile.pod, own, "sidecars") if tier else {}
    return PodPlan(
        image=image_reference(image),
        version=label_value(image.tag),
        pull_secret=image.pull_secret,
        labels=_kept(profile.pod, own, "labels"),
        annotations=_kept(profile.pod, own, "annotations"),
        service_account_annotations=_kept(profile.pod, own, "service_account_annotations"),
        node_selector=_kept(profile.pod, own, "node_selector"),
        tolerations=tuple(_toleration(entry) for entry in _kept(profile.pod, own, "tolerations").values()),
        security={**POD_SECURITY, **{key: value for key, value in stated.items() if key not in _OF_THE_CONTAINER}},
        container_security=inner,
        volumes=tuple(
            {"name": name, **{key: value for key, value in volume.items() if key not in {"mount_path", "read_only"}}}
            for name, volume in volumes.items()
        ),
        mounts=tuple(_mount(name, volume) for name, volume in volumes.items() if "mount_path" in volume),
        init_containers=(
            *(_container(name, entry, inner) for name, entry in before.items()),
            *(_container(name, entry, inner, restartPolicy="Always") for name, entry in beside.items()),
        ),
        sidecars=bool(beside),
        env_from_node=_kept(profile.pod, own, "env_from_node") if tier else {},
        ports=ports,
        probes=probes,
    )
