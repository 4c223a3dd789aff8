"""Rules of family K: pods, images and rollouts on Kubernetes, as far as the plan alone shows them."""

from collections.abc import Iterator
from typing import Final

from taskgen.plan.model import Plan
from taskgen.profile.paths import join
from taskgen.rules.engine import Breach, rule
from taskgen.rules.reading import options, pods

OWN_LABELS: Final = frozenset(
    {
        "app.kubernetes.io/component",
        "app.kubernetes.io/instance",
        "app.kubernetes.io/managed-by",
        "app.kubernetes.io/name",
        "app.kubernetes.io/part-of",
        "app.kubernetes.io/version",
        "backend",
        "tier",
    }
)
"""Labels by which taskgen's selectors find pods, and those that describe them; they win over the profile's."""
OWN_VOLUMES: Final = frozenset({"settings", "tmp"})
OWN_CONTAINERS: Final = frozenset({"worker"})


@rule(
    "K07",
    "N/W/E",
    why="replicas are missing while a new version rolls out; with neither surge nor gap the API server refuses it",
    reference="[Kubernetes 2]",
    remedy="set rollout.unavailable to 0 and rollout.surge above 0",
)
def rollouts_leave_no_gap(plan: Plan) -> Iterator[Breach]:
    """A rollout starts new replicas before it stops old ones."""
    if options(plan, "kubernetes") is None:
        return
    for tier in plan.tiers:
        rollout = tier.profile.rollout
        if tier.replicas == "exactly_one":
            continue
        if rollout.unavailable.rstrip("%").lstrip("0"):
            yield Breach(f"tiers.{tier.name}.rollout.unavailable", f"{rollout.unavailable} replicas may be missing")
        elif not rollout.surge.rstrip("%").lstrip("0"):
            what = "no replica may be missing and none may be added: nothing can roll"
            yield Breach(f"tiers.{tier.name}.rollout.surge", what)


@rule(
    "K20",
    "N/W/E",
    why="a tag can move between two pods of one rollout: mixed versions of the code",
    reference="[Kubernetes 2]; rule K20 and S18, which ask for N/W/W and E/E/E of the same fact",
    remedy="set app.image.digest (or --set app.image.digest=sha256:...)",
)
def images_are_pinned(plan: Plan) -> Iterator[Breach]:
    """Images are given by digest, and one repository by one digest."""
    if getattr(plan.profile.targets, "kubernetes", None) is None:
        return
    if plan.profile.app.image.digest is None:
        yield Breach("app.image.digest", "the image is named by tag only")
    for tier in plan.tiers:
        own = tier.profile.image
        if own and own.digest is None:
            yield Breach(f"tiers.{tier.name}.image.digest", "the image is named by tag only")
        elif (
            own and own.repository == plan.profile.app.image.repository and own.digest != plan.profile.app.image.digest
        ):
            what = "another version of the application's image than beat, exporter and the other tiers run"
            yield Breach(f"tiers.{tier.name}.image.digest", what, "use the same digest, or a repository of its own")


@rule(
    "U11",
    "E/E/E",
    why="taskgen's own wins and the typed one vanishes, or two of one name are refused",
    reference="[Kubernetes 2]; rule K19: selectors find pods by these labels",
    remedy="choose another name",
)
def names_in_pods_are_free(plan: Plan) -> Iterator[Breach]:
    """Labels, volumes, containers, accounts and windows have names that taskgen does not use itself."""
    if options(plan, "kubernetes") is None:
        return
    mounts = {mount.name for tier in plan.tiers for mount in tier.mounts}
    for at, pod in pods(plan).items():
        used = {
            "labels": OWN_LABELS,
            "volumes": OWN_VOLUMES | mounts,
            "init_containers": OWN_CONTAINERS,
            "sidecars": OWN_CONTAINERS,
        }
        for field, names in used.items():
            stated = {name for name, value in getattr(pod, field).items() if value is not None}
            for name in sorted(stated & names):
                yield Breach(join((*at.split("."), field, name)), f"{name} is taskgen's own")
    for tier in plan.tiers:
        account = f"worker-{tier.name}"
        if tier.profile.pod.service_account_annotations and account == f"{plan.profile.app.name}-worker":
            what = f"the service account {account} is that of every tier without annotations of its own"
            yield Breach(f"tiers.{tier.name}.pod.service_account_annotations", what, "rename the tier or app.name")
        if "waiting" in tier.profile.scale.schedules and tier.autoscaled:
            what = "the trigger of the backlog has this name"
            yield Breach(f"tiers.{tier.name}.scale.schedules.waiting", what)
