"""Rules of family S on pods: what the profile loosens, and identities in the environment."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from taskgen.plan.model import Plan
from taskgen.profile.paths import join
from taskgen.profile.pod import Pod
from taskgen.rules.engine import Breach, rule

LEAST_USER: Final = 10_000
"""Users below it may exist on the node (rule S11)."""
KEYS: Final = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AZURE_CLIENT_SECRET",
        "GOOGLE_APPLICATION_CREDENTIALS_JSON",
        "GOOGLE_CREDENTIALS",
    }
)
"""Variables that hold a key of a cloud account for as long as nobody changes it."""


def _pods(plan: Plan) -> Mapping[str, Pod]:
    return {"pod": plan.profile.pod, **{f"tiers.{tier.name}.pod": tier.profile.pod for tier in plan.tiers}}


def _loose(security: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the keys of a security context that give a process more than it needs, with the reason."""
    for key in ("runAsNonRoot", "readOnlyRootFilesystem"):
        if security.get(key, True) is not True:
            yield key, "it is not true"
    for key in ("privileged", "allowPrivilegeEscalation"):
        if security.get(key):
            yield key, "the process may become root of the node"
    for key in ("runAsUser", "runAsGroup"):
        user = security.get(key)
        if isinstance(user, int) and user < LEAST_USER:
            yield key, f"{user} may be somebody on the node, {LEAST_USER} and above are free"
    capabilities = security.get("capabilities")
    if isinstance(capabilities, Mapping) and (capabilities.get("add") or "ALL" not in (capabilities.get("drop") or ())):
        yield "capabilities", "not all are dropped"
    profile = security.get("seccompProfile")
    if isinstance(profile, Mapping) and profile.get("type") == "Unconfined":
        yield "seccompProfile", "system calls are not confined"


@rule(
    "S11",
    "W/E/E",
    why="a process that is broken into owns the node, and admission `restricted` refuses the pod",
    reference="Pod Security Standards; [Kubernetes 2]",
    remedy="remove it: the defaults are restricted",
)
def pods_are_restricted(plan: Plan) -> Iterator[Breach]:
    """Nothing in a pod is loosened: user, file system, capabilities, volumes of the node."""
    for at, pod in _pods(plan).items():
        for key, what in _loose(pod.security):
            yield Breach(f"{at}.security.{key}", what)
        for field in ("init_containers", "sidecars"):
            for name, container in getattr(pod, field).items():
                own = (container or {}).get("securityContext")
                for key, what in _loose(own) if isinstance(own, Mapping) else ():
                    yield Breach(join((*at.split("."), field, name, "securityContext", key)), what)
        for name, volume in pod.volumes.items():
            if volume and "hostPath" in volume:
                yield Breach(f"{at}.volumes.{name}", "a folder of the node", "use an emptyDir or a claim")


@rule(
    "S14",
    "W/E/E",
    why="a key in the environment is valid until somebody finds and revokes it, and every child process has it",
    reference="seed 003 lines 91 and 303, corrected",
    remedy="give the pods a role: pod.service_account_annotations",
)
def clouds_know_the_pod(plan: Plan) -> Iterator[Breach]:
    """Workers act in a cloud by the identity of their pod, not by a key in the environment."""
    owners = {"app": plan.profile.app, **{f"tiers.{tier.name}": tier.profile for tier in plan.tiers}}
    for at, owner in owners.items():
        for kind in ("env", "secret_env"):
            stated = {name for name, value in getattr(owner, kind).items() if value is not None}
            for name in sorted(stated & KEYS):
                yield Breach(f"{at}.{kind}.{name}", "a long-lived key of a cloud account")
