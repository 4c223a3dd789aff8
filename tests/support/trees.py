"""Trees on disk for tests of the output layer."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from taskgen.artifact import Artifact
from taskgen.output.errors import RefusedError
from taskgen.output.lock import Origin
from taskgen.output.write import write

ORIGIN = Origin(version="1.2.3", profile="p", inputs={"profiles/p.yaml": "00"})


def artifact(path: str, content: str = "rendered\n", mode: int = 0o644) -> Artifact:
    """An artifact of an imagined template."""
    return Artifact(path, content.encode(), target="t", template="t.j2", mode=mode)


ARTIFACTS = [artifact("compose/compose.yaml"), artifact("image/run.sh", mode=0o755)]


def rendered_now(content: str = "new") -> list[Artifact]:
    """The artifacts after a change of the profile."""
    return [artifact("compose/compose.yaml", content), ARTIFACTS[1]]


def refused(folder: Path, artifacts: Sequence[Artifact], *, force: bool = False) -> RefusedError:
    """The refusal of a write, which must have changed nothing."""
    before = snapshot(folder.parent)
    with pytest.raises(RefusedError) as caught:
        write(folder, artifacts, origin=ORIGIN, force=force)
    assert snapshot(folder.parent) == before
    return caught.value


def snapshot(folder: Path) -> dict[str, str | bytes]:
    """Everything in a folder: kind and content of each path, so that two trees can be compared byte for byte."""
    found: dict[str, str | bytes] = {}
    for here, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(here, name)
            found[path.relative_to(folder).as_posix()] = _content(path)
    return found


def _content(path: Path) -> str | bytes:
    status = path.lstat()
    mode = stat.filemode(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return f"{mode} {path.readlink()}"
    return mode.encode() + b" " + path.read_bytes() if stat.S_ISREG(status.st_mode) else mode
