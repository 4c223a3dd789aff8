"""The fast answer: `render` and `render --check` of unchanged profiles, with the standard library only.

Whatever is not the plain form of these two commands, or not surely unchanged, goes the whole way.
"""

# ruff: noqa: PTH109, PTH112, PTH120, PTH208
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
    root = _root()
    if asked is None or root is None:
        return None
    out = asked.out if asked.out is not None else root + "/out"
    where = sources(root, data_path())
    answers = []
    for name in asked.names or _profiles(root):
        said = unchanged(f"{out}/{name}", command=asked.command, profile=name, overrides=asked.overrides, sources=where)
        if said is None:
            return None
        answers.append(said)
    return "\n".join(answers) + "\n" if answers else None


class _Asked:
    """A plain `render`: for which profiles, where, and whether it only checks."""

    __slots__ = ("command", "names", "out", "overrides")

    def __init__(self) -> None:
        self.command = "render"
        self.names: list[str] = []
        self.out: str | None = None
        self.overrides: list[str] = []


def _parse(arguments: "Sequence[str]") -> "_Asked | None":
    """Return what a plain form of the command asks for, else None."""
    if not arguments or arguments[0] != "render":
        return None
    asked, every = _Asked(), False
    rest = list(arguments[1:])
    while rest:
        word = rest.pop(0)
        flag, equals, value = word.partition("=")
        if word == "--check":
            asked.command = "check"
        elif word == "--all":
            every = True
        elif flag in {"--profile", "-p", "--set", "--out"} and (equals or rest):
            value = value if equals else rest.pop(0)
            if flag == "--set":
                asked.overrides.append(value)
            elif flag == "--out":
                asked.out = value
            else:
                asked.names.append(value)
        else:
            return None
    plain = all(name and "/" not in name and not name.startswith((".", "-")) for name in asked.names)
    return asked if plain and len(asked.names) == (0 if every else 1) else None


def _profiles(root: str) -> "list[str]":
    """Return the names of the project's own profiles, as `--all` takes them."""
    return sorted(name[: -len(".yaml")] for name in os.listdir(root + "/profiles") if name.endswith(".yaml"))


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
