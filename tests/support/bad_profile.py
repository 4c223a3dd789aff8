"""How a broken profile is described: what is changed in a good one, and the whole message that its user must see."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

GOOD = """\
name: bad
environment: dev
app:
  name: docflow
  module: docflow.tasks
  image: {repository: registry.example.com/docflow}
backends:
  celery: {broker: {url: redis://broker:6379/0}}
tiers:
  high:
    queues: [default]
    concurrency: 4
    task: {duration: {p50: 1s, p99: 5s}, time_limit: 1m}
    load: {rate: 1/s, peak: 5/s}
    slo: {wait: {p99: 30s}}
"""
"""A profile without mistakes; the cases change one thing in it."""

TARGET = """\
name: stub
summary: a target for tests
options:
  namespace: {type: string, default: null, help: namespace of the objects}
  clusters: {type: list, default: [], help: names of the clusters}
  autoscaler: {type: choice, choices: [keda, hpa], default: keda, help: what scales}
"""

PLACE = "profiles/bad.yaml"
SECRET = "hunter2-is-no-secret-any-more"  # noqa: S105  # that is what it is for
"""Stands in every case about secrets, and in no message."""


@dataclass(frozen=True)
class BadProfile:
    """One way to get a profile wrong."""

    id: str
    """reads as a sentence in the report of the tests"""
    expected: str
    """everything that is printed"""
    files: dict[str, str | bytes] = field(default_factory=dict)
    """files below the project root"""
    prepare: Callable[[Path], None] | None = None
    """what files cannot say: folders, links"""
    overrides: tuple[str, ...] = ()
    """values of --set"""
    exit_code: int = 2

    def build(self, root: Path) -> None:
        """Write the project."""
        files: dict[str, str | bytes] = {"templates/stub/target.yaml": TARGET, PLACE: GOOD, **self.files}
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        if self.prepare is not None:
            self.prepare(root)


def changed(old: str, new: str) -> dict[str, str | bytes]:
    """Return the good profile with one change."""
    if GOOD.count(old) != 1:
        raise ValueError(f"{old!r} must stand once in the good profile")
    return {PLACE: GOOD.replace(old, new)}


def added(text: str) -> dict[str, str | bytes]:
    """Return the good profile with more at its end, which begins in line 16."""
    return {PLACE: GOOD + text}


def fragment(name: str, text: str, *, extends: str | None = None) -> dict[str, str | bytes]:
    """Return the good profile and a fragment that it extends."""
    return {PLACE: f"extends: [{extends or name}]\n{GOOD}", f"profiles/{name}.yaml": text}


def folder(root: Path) -> None:
    """Put a folder where the profile should be."""
    (root / PLACE).unlink()
    (root / PLACE).mkdir()


def fragment_folder(root: Path) -> None:
    """Put a folder where a fragment should be."""
    (root / "profiles/env/dev.yaml").mkdir(parents=True)


def pipe(root: Path) -> None:
    """Put a pipe where the profile should be: reading it would wait for ever."""
    (root / PLACE).unlink()
    os.mkfifo(root / PLACE)


def link_out(root: Path) -> None:
    """Make a fragment a link to a file beside the profiles folder."""
    (root / "outside.yaml").write_text("environment: dev\n")
    (root / "profiles/env").mkdir()
    (root / "profiles/env/dev.yaml").symlink_to(root / "outside.yaml")


def own_link_out(root: Path) -> None:
    """Make the profile a link to a file beside the profiles folder."""
    (root / PLACE).rename(root / "outside.yaml")
    (root / PLACE).symlink_to("../outside.yaml")


def loop(root: Path) -> None:
    """Make the profile a link to itself."""
    (root / PLACE).unlink()
    (root / PLACE).symlink_to("bad.yaml")


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + below] * 10)}]\n" for below, name in zip("abcdefgh", "bcdefghi", strict=True)
)
DEEP_ALIASES = "a: &a " + "[" * 30 + "]" * 30 + "\nb: " + "[" * 30 + "*a" + "]" * 30 + "\n"

_HEAD, TIER = GOOD.split("tiers:\n  high:\n")
FAMILY = f"{_HEAD}families:\n  work:\n    for_each: {{size: [s, xl]}}\n    tier:\n" + "".join(
    f"  {line}\n" for line in TIER.splitlines()
)
"""The good profile with a family in place of its tier."""
