"""What the catalogue asks of things that taskgen does not render yet: no rule pretends to check it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Pending:
    """A statement of the catalogue, and what it comes with."""

    statement: str
    comes_with: str


_ECS, _CLOUD_RUN, _RENDER = "target ecs", "target cloudrun", "target render"
_VERSIONS, _CONTROLLER = "worker versioning of Temporal", "the Temporal worker controller"

PENDING: Final[Mapping[str, Pending]] = {
    "C29": Pending("Workers of a release roll out before its producers", "target gitops (waves)"),
    "P03": Pending("StopTimeout is set, and CPU and memory are a legal pair of Fargate", _ECS),
    "P04": Pending("Scheduled actions have six fields and a time zone, inside their target", _ECS),
    "P05": Pending("The scaling metric is the depth for each running task", _ECS),
    "P06": Pending("A service that shrinks to zero can wake", _ECS),
    "P07": Pending("One publisher of the depth for each broker", _ECS),
    "P08": Pending("The size of a scaled service is left to its scaler", _ECS),
    "P09": Pending("Interruptible capacity runs idempotent tasks that end in time", _ECS),
    "P10": Pending("No YAML anchors in CloudFormation", _ECS),
    "P11": Pending("Workers are worker pools, not services", _CLOUD_RUN),
    "P12": Pending("The size of a scaled pool is left to its scaler", _CLOUD_RUN),
    "P13": Pending("A service that runs tasks keeps its CPU between requests", _CLOUD_RUN),
    "P14": Pending("The external scaler knows its pools, one for each region", _CLOUD_RUN),
    "P15": Pending("Probes are http, tcp or grpc, within the limits of time", _CLOUD_RUN),
    "P16": Pending("One pool for each version of a Temporal worker", _CLOUD_RUN),
    "P17": Pending("A worker that does not consume ends by itself", _RENDER),
    "P18": Pending("Bounds and targets of scaling are ones that Render keeps", _RENDER),
    "P19": Pending("A backlog is no signal on Render", _RENDER),
    "P20": Pending("The key-value store evicts nothing and is reachable", _RENDER),
    "P21": Pending("Plans are those of services", _RENDER),
    "P22": Pending("Environment groups hold values, and references resolve", _RENDER),
    "S15": Pending(
        "Exporter and scaler have credentials of their own, which only read",
        "a field for them, and consumers on Redis counted without a broadcast, which writes",
    ),
    "T13": Pending("Versioned workers state their deployment and behaviour", _VERSIONS),
    "T14": Pending("Build ids follow the image's digest and fit a label", _VERSIONS),
    "T15": Pending("Workers of the controller have no Deployment, HPA or budget beside it", _CONTROLLER),
    "T16": Pending("Old versions stay as long as resets and queries need them", _CONTROLLER),
    "T17": Pending("Versioned workers start no activity eagerly", _VERSIONS),
    "T29": Pending("A rollout sets the current version", _VERSIONS),
    "T30": Pending("Workers of an old version stay until it is drained", _VERSIONS),
}


def by_what_they_come_with() -> dict[str, list[str]]:
    """Return the ids that come with each target or feature, in the order of the catalogue."""
    found: dict[str, list[str]] = {}
    for id, entry in PENDING.items():  # noqa: A001  # its name everywhere
        found.setdefault(entry.comes_with, []).append(id)
    return found
