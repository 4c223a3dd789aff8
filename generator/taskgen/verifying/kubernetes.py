"""The schemas of Kubernetes itself: kubernetes-validate, strict, for the version of the cluster."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from taskgen.artifact import Artifact
from taskgen.verifying.base import Result, answer, package_version
from taskgen.verifying.manifests import Manifest, UnreadableError, is_manifest, read

DEFAULT_VERSION: Final = "1.33.0"
"""The oldest version that its makers still support when this was written."""


@dataclass(frozen=True, slots=True)
class KubernetesSchemas:
    """Checks every object of a built-in group against the strict schema: unknown and mistyped fields."""

    version: str = DEFAULT_VERSION
    """of the cluster; the schemas of the newest known version below it are used"""
    name: str = "kubernetes"
    remedy: str = "pip install 'kubernetes-validate>=1.37'"

    def available(self) -> str | None:
        """Return the version of kubernetes-validate."""
        return package_version("kubernetes-validate")

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the artifact holds objects."""
        return is_manifest(artifact)

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield one result for each file; custom resources in it are the business of `kubernetes-crd`."""
        tool = f"{self.available()}, Kubernetes {self.version}"
        for artifact in artifacts:
            try:
                manifests = [manifest for manifest in read(folder, artifact) if not manifest.is_custom]
            except UnreadableError as error:
                yield Result(self.name, artifact.path, "failed", str(error), tool)
                continue
            problems = [problem for manifest in manifests if (problem := self._problem(manifest))]
            if manifests:
                yield answer(self.name, artifact.path, problems, tool)

    def _problem(self, manifest: Manifest) -> str | None:
        import kubernetes_validate  # type: ignore[import-untyped]

        data: dict[str, Any] = dict(manifest.data)
        try:
            kubernetes_validate.validate(data, self.version, strict=True)
        except kubernetes_validate.SchemaNotFoundError:
            # The command line only warns and exits 0: an apiVersion that was removed would pass.
            return f"Kubernetes {self.version} has no {manifest.kind} of {data['apiVersion']}"
        except kubernetes_validate.ValidationError as error:
            return f"{manifest.kind}/{manifest.name} at {'.'.join(map(str, error.path)) or '<top>'}: {error.message}"
        return None
