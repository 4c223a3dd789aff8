"""Rules over rendered objects: what only the artifacts show, because a template of the user's own may have made them.

The rules of `taskgen.rules` look at profile and plan. Selectors, ports, references to secrets, bounds of a scaler and
equality of images are written by templates, so they are asked again of what came out: before anything is written.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from taskgen.artifact import Artifact
from taskgen.errors import Position
from taskgen.plan.model import Plan
from taskgen.rules.engine import Finding, Severity
from taskgen.rules.guaranteed import GUARANTEED
from taskgen.verifying.manifests import Manifest, UnreadableError, by_folder, is_manifest, objects
from taskgen.verifying.objects import identity, pods, references, scaling
from taskgen.verifying.objects.cluster import Cluster, Problem, containers, problem


def one_version(cluster: Cluster) -> Iterator[Problem]:
    """Containers of one repository run one image: workers, exporter and beat are one version of the code."""
    found: dict[str, list[tuple[Manifest, str, str]]] = {}
    for manifest in cluster.workloads():
        for container in containers(manifest):
            image = str(container.get("image", ""))
            folder, slash, name = image.partition("@")[0].rpartition("/")
            repository = f"{folder}{slash}{name.partition(':')[0]}"
            found.setdefault(repository, []).append((manifest, str(container.get("name")), image))
    for uses in found.values():
        ((usual, _),) = Counter(image for _, _, image in uses).most_common(1)
        for manifest, name, image in uses:
            if image != usual:
                yield problem(manifest, f"container {name} runs {image}, others run {usual}")


RENDERED: Final[Mapping[Callable[[Cluster], Iterator[Problem]], str]] = {
    identity.names: "K27",
    identity.namespaces: "K27",
    identity.labels: "K27",
    identity.quantities: "K27",
    identity.no_secrets: "S02",
    one_version: "K20",
    pods.images: "K27",
    pods.unique_names: "K27",
    pods.probes: "K09",
    pods.mounts: "K27",
    pods.admission: "S11",
    references.objects_exist: "K17",
    references.selectors: "K19",
    references.nothing_dangles: "K14",
    references.ports_exist: "K18",
    scaling.one_scaler: "K01",
    scaling.bounds: "K12",
    scaling.keda_settings: "K12",
    scaling.triggers: "K26",
    scaling.metrics: "K05",
    scaling.budgets: "K03",
}
"""Each check with the id of the catalogue that it holds."""


def check_rendered(plan: Plan, artifacts: Sequence[Artifact], *, folder: str) -> tuple[Finding, ...]:
    """Return the findings about rendered Kubernetes objects: errors, in development warnings.

    Args:
        plan: what was rendered.
        artifacts: all of them; other files are passed over.
        folder: where they will be, for the place of a finding.
    """
    external = references.external_objects(plan)
    severity = Severity.WARNING if plan.profile.environment == "dev" else Severity.ERROR
    found: list[Finding] = []

    def tell(path: str, rule: str, what: str) -> None:
        holds = GUARANTEED.get(rule)
        owner, _, text = what.partition(": ")
        found.append(
            Finding(
                rule=rule,
                severity=severity,
                path=owner,
                position=Position(f"{folder}/{path}", 1, 1),
                what=text,
                why=holds.statement if holds else "",
                remedy="correct the template that makes it: `taskgen explain --artifact FILE:LINE` names it",
                waived=plan.profile.waivers.get(rule),
            )
        )

    for chosen in by_folder(artifact for artifact in artifacts if is_manifest(artifact)).values():
        manifests: list[Manifest] = []
        for artifact in chosen:
            try:
                manifests += objects(artifact.content.decode(), artifact.path)
            except UnreadableError as error:
                tell(artifact.path, "K27", f"YAML: {error}")
        cluster = Cluster(manifests, external)
        for check, rule in RENDERED.items():
            for one in check(cluster):
                tell(one.path, rule, one.text)
    return tuple(found)
