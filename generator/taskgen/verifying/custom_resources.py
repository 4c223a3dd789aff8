"""Custom resources against models generated from their CRDs: KEDA and the Prometheus operator."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from taskgen.artifact import Artifact
from taskgen.verifying.base import Result, package_version
from taskgen.verifying.manifests import Manifest, UnreadableError, is_manifest, read

MODELS: Final[Mapping[str, tuple[str, str]]] = {
    "keda.sh/v1alpha1": ("cloudcoil.models.keda.v1alpha1", "cloudcoil-models-keda"),
    "monitoring.coreos.com/v1": ("cloudcoil.models.prometheus_operator.v1", "cloudcoil-models-prometheus-operator"),
}
"""apiVersion -> module with one class for each kind, and the package that brings it."""
NEWER: Final[Mapping[str, tuple[str, ...]]] = {
    # KEDA 2.17; the newest models for Python 3.11 are of 2.16. `kubernetes-objects` checks the value.
    "ScaledObject": ("spec.fallback.behavior",),
}
"""Fields that the models do not know yet, by kind: taken out before the comparison, each with its reason."""


@dataclass(frozen=True, slots=True)
class CustomResources:
    """Reads each custom resource into its model and compares what the model kept with what was written.

    The comparison is the check: the models accept unknown fields and turn text into numbers in silence.
    """

    name: str = "kubernetes-crd"
    remedy: str = "pip install 'cloudcoil-models-keda>=2.16.1' 'cloudcoil-models-prometheus-operator>=0.80.1'"

    def available(self) -> str | None:
        """Return the versions of the model packages, None when one is missing."""
        versions = [package_version(package) for _, package in MODELS.values()]
        return None if None in versions else f"keda {versions[0]}, prometheus-operator {versions[1]}"

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the artifact holds objects."""
        return is_manifest(artifact)

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield one result for each file that holds a custom resource; a kind without a model is not run."""
        version = self.available() or ""
        for artifact in artifacts:
            try:
                found = [manifest for manifest in read(folder, artifact) if manifest.is_custom]
            except UnreadableError as error:
                yield Result(self.name, artifact.path, "failed", str(error), version)
                continue
            unknown = [manifest for manifest in found if manifest.data["apiVersion"] not in MODELS]
            problems = [problem for manifest in found if manifest not in unknown and (problem := _problem(manifest))]
            if problems:
                yield Result(self.name, artifact.path, "failed", "; ".join(problems), version)
            elif unknown:
                kinds = ", ".join(f"{manifest.kind} of {manifest.data['apiVersion']}" for manifest in unknown)
                yield Result(self.name, artifact.path, "not run", f"no model of {kinds}", version)
            elif found:
                yield Result(self.name, artifact.path, "passed", "", version)


def _problem(manifest: Manifest) -> str | None:
    from pydantic import ValidationError

    model: Any = getattr(import_module(MODELS[str(manifest.data["apiVersion"])][0]), manifest.kind, None)
    where = f"{manifest.kind}/{manifest.name}"
    if model is None:
        return f"{where}: {manifest.data['apiVersion']} has no such kind"
    written = _without(manifest.data, NEWER.get(manifest.kind, ()))
    try:
        read_back = model.model_validate(written)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{where} at {'.'.join(map(str, first['loc']))}: {first['msg']}"
    kept = read_back.model_dump(by_alias=True, exclude_none=True, exclude_unset=True, mode="json")
    return next((f"{where} at {path}" for path in differences(written, kept)), None)


def _without(data: Mapping[str, Any], paths: Sequence[str], prefix: str = "") -> dict[str, Any]:
    return {
        key: _without(value, paths, f"{prefix}{key}.") if isinstance(value, Mapping) else value
        for key, value in data.items()
        if f"{prefix}{key}" not in paths
    }


def differences(written: Any, kept: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401  # any value of a manifest
    """Yield where what a model kept differs from what was written: fields dropped, values changed."""
    if isinstance(written, Mapping) and isinstance(kept, Mapping):
        for key in sorted(written.keys() | kept.keys()):
            here = f"{path}.{key}" if path else str(key)
            if key not in kept:
                yield f"{here}: unknown field"
            elif key not in written:
                yield f"{here}: the model adds it"
            else:
                yield from differences(written[key], kept[key], here)
    elif isinstance(written, list) and isinstance(kept, list) and len(written) == len(kept):
        for number, (one, other) in enumerate(zip(written, kept, strict=True)):
            yield from differences(one, other, f"{path}[{number}]")
    elif type(written) is not type(kept) or written != kept:
        yield f"{path}: {written!r} is read as {kept!r}"
