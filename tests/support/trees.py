"""Trees on disk for tests of the output layer."""

import os
import stat
from pathlib import Path

from taskgen.artifact import Artifact
from taskgen.output.lock import Origin

ORIGIN = Origin(version="1.2.3", profile="p", inputs={"profiles/p.yaml": "00"})


def artifact(path: str, content: str = "rendered\n", mode: int = 0o644) -> Artifact:
    """An artifact of an imagined template."""
    return Artifact(path, content.encode(), target="t", template="t.j2", mode=mode)


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
