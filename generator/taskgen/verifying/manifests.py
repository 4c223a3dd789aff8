"""Reading Kubernetes manifests as the API server's tools do, but refusing what they silently drop: duplicate keys."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from taskgen.artifact import Artifact

KUSTOMIZATION: Final = "kustomization.yaml"


class UnreadableError(Exception):
    """A file that is no YAML, has a duplicate key, or holds something else than objects."""


@cache
def _strict() -> Any:  # noqa: ANN401  # a class that is made at run time
    """Return PyYAML's loader, refusing what a mapping would forget.

    Its C loader takes 4 ms for 19 objects, a round-trip loader 57; some builds of PyYAML lack it.
    """
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Strict(base):  # type: ignore[misc]  # chosen at run time
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
            seen: set[str] = set()
            for key, _ in node.value:
                if not isinstance(key.value, str) or key.value in seen:
                    what = f"line {key.start_mark.line + 1}: key {key.value!r}"
                    raise UnreadableError(f"{what} is no text, or there twice")
                seen.add(key.value)
            return dict(super().construct_mapping(node, deep))

    return Strict


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object and the file that holds it."""

    path: str
    """of the artifact, below out/<profile>/"""
    data: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """`Deployment`."""
        return str(self.data.get("kind"))

    @property
    def group(self) -> str:
        """API group: `apps`, empty for the core."""
        api = str(self.data.get("apiVersion"))
        return api.rpartition("/")[0]

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return str(self.at("metadata.name", ""))

    @property
    def namespace(self) -> str:
        """`metadata.namespace`, empty for objects of the cluster."""
        return str(self.at("metadata.namespace", ""))

    @property
    def is_custom(self) -> bool:
        """Whether the kind comes from a CustomResourceDefinition: its group has a dot and is not of Kubernetes."""
        return "." in self.group and not self.group.endswith(".k8s.io")

    def at(self, path: str, default: Any = None) -> Any:  # noqa: ANN401  # any value of a manifest
        """Return the value at a path of keys such as `spec.template.spec`, or the default."""
        value: Any = self.data
        for key in path.split("."):
            if not isinstance(value, Mapping) or key not in value:
                return default
            value = value[key]
        return value


def documents(text: str) -> list[Any]:
    """Return the documents of a YAML text; without PyYAML, which comes with the extra `verify`, more slowly.

    Raises:
        UnreadableError: no YAML, or a duplicate key.
    """
    try:
        import yaml
    except ModuleNotFoundError:
        return _slowly(text)
    try:
        return [document for document in yaml.load_all(text, Loader=_strict()) if document is not None]
    except yaml.YAMLError as error:
        raise UnreadableError(" ".join(str(error).split())) from None


def _slowly(text: str) -> list[Any]:
    """Read as `documents` does, with the library that reads profiles; its C loader refuses `host:1` in a flow."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return [document for document in YAML(typ="safe", pure=True).load_all(text) if document is not None]
    except YAMLError as error:
        raise UnreadableError(" ".join(str(error).split())) from None


def read(folder: Path, artifact: Artifact) -> tuple[Manifest, ...]:
    """Return the objects of one rendered file.

    Raises:
        UnreadableError: no YAML, a duplicate key, or a document that is no object.
    """
    return objects((folder / artifact.path).read_text(encoding="utf-8"), artifact.path)


def objects(text: str, path: str) -> tuple[Manifest, ...]:
    """Return the objects of a text.

    Args:
        text: of a rendered file.
        path: of the artifact.

    Raises:
        UnreadableError: no YAML, a duplicate key, or a document that is no object.
    """
    found = documents(text)
    for document in found:
        if not isinstance(document, dict) or not {"apiVersion", "kind"} <= document.keys():
            raise UnreadableError("a document without apiVersion and kind")
    return tuple(Manifest(path, document) for document in found)


def is_manifest(artifact: Artifact) -> bool:
    """Tell whether an artifact holds objects that are applied to a cluster."""
    return artifact.target == "kubernetes" and artifact.path.endswith(".yaml") and not is_kustomization(artifact)


def is_kustomization(artifact: Artifact) -> bool:
    """Tell whether an artifact lists the files of its folder."""
    return artifact.target == "kubernetes" and artifact.path.rpartition("/")[2] == KUSTOMIZATION


def by_folder(artifacts: Iterable[Artifact]) -> dict[str, list[Artifact]]:
    """Return artifacts by the folder that they lie in: one folder is one cluster."""
    found: dict[str, list[Artifact]] = {}
    for artifact in artifacts:
        found.setdefault(artifact.path.rpartition("/")[0], []).append(artifact)
    return found


def readable(folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Manifest]:
    """Yield the objects of the files that can be read; what cannot is reported by the verifier `kubernetes-objects`."""
    for artifact in artifacts:
        try:
            yield from read(folder, artifact)
        except UnreadableError:
            continue
