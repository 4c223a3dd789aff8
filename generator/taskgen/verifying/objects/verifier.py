"""The verifier of everything about Kubernetes objects that no schema says."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from taskgen import __version__
from taskgen.artifact import Artifact
from taskgen.verifying.base import Result, answer
from taskgen.verifying.manifests import Manifest, UnreadableError, by_folder, is_manifest, read
from taskgen.verifying.objects import identity, pods, references, scaling
from taskgen.verifying.objects.cluster import Cluster, Problem

Check = Callable[[Cluster], Iterator[Problem]]
CHECKS: Final[tuple[Check, ...]] = (
    identity.names,
    identity.namespaces,
    identity.labels,
    identity.quantities,
    identity.no_secrets,
    pods.images,
    pods.unique_names,
    pods.probes,
    pods.mounts,
    pods.admission,
    references.objects_exist,
    references.selectors,
    references.nothing_dangles,
    references.ports_exist,
    scaling.one_scaler,
    scaling.bounds,
    scaling.keda_settings,
    scaling.triggers,
    scaling.metrics,
    scaling.budgets,
)


@dataclass(frozen=True, slots=True)
class KubernetesObjects:
    """Checks the objects of each cluster's folder together; part of taskgen, so always there."""

    external: frozenset[str]
    """`Kind/name` of what exists beside them, from `references.external_objects`"""
    name: str = "kubernetes-objects"
    remedy: str = "part of taskgen"

    def available(self) -> str | None:
        """Return taskgen's own version."""
        return __version__

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the artifact holds objects."""
        return is_manifest(artifact)

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield one result for each file."""
        for chosen in by_folder(artifacts).values():
            found: dict[str, list[str]] = {artifact.path: [] for artifact in chosen}
            manifests: list[Manifest] = []
            for artifact in chosen:
                try:
                    manifests += read(folder, artifact)
                except UnreadableError as error:
                    found[artifact.path].append(str(error))
            cluster = Cluster(manifests, self.external)
            for check in CHECKS:
                for problem in check(cluster):
                    found[problem.path].append(problem.text)
            for path, problems in found.items():
                yield answer(self.name, path, problems, __version__)
