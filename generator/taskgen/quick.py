"""The fast answer: `render` and `render --check` of unchanged profiles, with the standard library only.

Whatever is not the plain form of these two commands, or not surely unchanged, goes the whole way.
"""

# ruff: noqa: PTH109, PTH112, PTH120
# (pathlib would cost 9 ms)

import os

from taskgen.data import data_path
from taskgen.fastpath import unchanged
from taskgen.output.inputs import Sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def answer(arguments: "Sequence[str]") -> str | None:
    """Return what the command would print, or None when the whole way has to find out."""
    asked = _parse(arguments)
    if asked is None:
        return None
    name, command, overrides = asked
    root = _root()
    if root is None:
        return None
    where = sources(root, data_path())
    said = unchanged(f"{root}/out/{name}", command=command, profile=name, overrides=overrides, sources=where)
    return None if said is None else said + "\n"


def _parse(arguments: "Sequence[str]") -> "tuple[str, str, list[str]] | None":
    """Return profile, command and overrides of the plain form, else None."""
    if not arguments or arguments[0] != "render":
        return None
    name, command = None, "render"
    overrides: list[str] = []
    rest = list(arguments[1:])
    while rest:
        word = rest.pop(0)
        flag, _, value = word.partition("=")
        if word == "--check":
            command = "check"
        elif flag in ("--profile", "-p", "--set"):
            if not value and not rest:
                return None
            value = value or rest.pop(0)
            if flag == "--set":
                overrides.append(value)
            else:
                name = value
        else:
            return None
    if name is None or "/" in name or name.startswith((".", "-")):
        return None
    return name, command, overrides


def _root() -> str | None:
    here = os.getcwd()
    while not os.path.isdir(here + "/profiles"):
        above = os.path.dirname(here)
        if above == here:
            return None
        here = above
    return here


def sources(root: str, shipped: str) -> Sources:
    """Return where the inputs of a project are: the same for the lock and for the fast answer.

    Args:
        root: project root.
        shipped: folder of the shipped templates, profiles and library.
    """
    trees = {"templates:": shipped + "/templates", "library:": shipped + "/library"}
    if os.path.realpath(root + "/templates") != os.path.realpath(shipped + "/templates"):
        trees["templates/"] = root + "/templates"
    return Sources(files={"profiles/": root + "/profiles", "taskgen:": shipped + "/profiles"}, trees=trees)
