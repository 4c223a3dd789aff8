"""The tree that should be: artifacts that can stand together, and the lock that names them."""

import unicodedata
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from taskgen.artifact import Artifact
from taskgen.output.errors import OutputError
from taskgen.output.inputs import digest
from taskgen.output.lock import Lock, Origin, Output
from taskgen.output.tree import above


def top(path: str) -> str:
    """The folder or file at the top of the tree that a path is in."""
    return path.partition("/")[0]


def check_artifacts(artifacts: Sequence[Artifact], *, only: AbstractSet[str] | None) -> None:
    """Refuse artifacts that no file system, or not every file system, can hold side by side.

    Raises:
        OutputError: two artifacts want one path, also where case or accents do not count, or one wants a file where
            another wants a folder, or one lies outside `only`.
    """
    seen: dict[str, Artifact] = {}
    for artifact in artifacts:
        if only is not None and top(artifact.path) not in only:
            raise OutputError(
                f"{artifact.path}: rendered by {artifact.template}, but not in {', '.join(sorted(only))}/"
            )
        other = seen.setdefault(_folded(artifact.path), artifact)
        if other is not artifact:
            raise OutputError(
                f"{artifact.path}: rendered by {other.template} and by {artifact.template}"
                f"{'' if other.path == artifact.path else f' (as {other.path}: some systems take the two for one)'}; "
                "change the path in one target.yaml"
            )
    for artifact in artifacts:
        for folder in above(artifact.path):
            if (file := seen.get(_folded(folder))) is not None:
                raise OutputError(
                    f"{file.path}: rendered as a file by {file.template}, and {artifact.template} puts "
                    f"{artifact.path} below it; change the path in one target.yaml"
                )


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def outside(old: Lock | None, only: AbstractSet[str] | None) -> dict[str, Output]:
    """Outputs of the lock that the artifacts do not speak for."""
    if old is None or only is None:
        return {}
    return {path: output for path, output in old.outputs.items() if top(path) not in only}


def new_lock(old: Lock | None, artifacts: Sequence[Artifact], *, origin: Origin, only: AbstractSet[str] | None) -> Lock:
    """The lock of the artifacts.

    After a partial write the rest of the tree may come from other inputs, so its lock names no inputs: no later run
    takes the tree for unchanged before it has rendered all of it.
    """
    outputs = outside(old, only) | {
        artifact.path: Output(digest(artifact.content), artifact.mode) for artifact in artifacts
    }
    if only is None:
        return Lock(origin=origin, outputs=outputs)
    if old is not None and dict(old.outputs) == outputs:
        return old
    return Lock(origin=replace(origin, inputs={}), outputs=outputs)
