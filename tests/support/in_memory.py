"""Artifacts of shipped profiles in memory, also with values that no profile file would state."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from taskgen import pipeline
from taskgen.artifact import Artifact
from taskgen.plan.build import make_plan
from taskgen.plan.model import Plan
from taskgen.profile.files import Project
from taskgen.profile.model import Profile

ROOT = Path(__file__).parents[2]
PROJECT = Project(root=ROOT)
SHIPPED = tuple(
    sorted(
        path.stem for path in (ROOT / "profiles").glob("*.yaml") if path.stem.startswith(("dev-", "staging-", "prod-"))
    )
)
"""Names of the shipped profiles."""
Change = Callable[[Profile], Profile]


@cache
def _checked(name: str, overrides: tuple[str, ...]) -> pipeline.Checked:
    return pipeline.checked(name, project=PROJECT, overrides=overrides)


def plan_of(name: str, *overrides: str, change: Change | None = None) -> Plan:
    """The plan of a shipped profile, with overrides as `--set` takes them, or with a changed profile."""
    this = _checked(name, overrides)
    return this.plan if change is None else make_plan(change(this.loaded.profile))


def artifacts(name: str, targets: Sequence[str], *overrides: str, change: Change | None = None) -> tuple[Artifact, ...]:
    """Artifacts of some targets of a shipped profile."""
    this = _checked(name, overrides)
    if change is not None:
        this = replace(this, plan=plan_of(name, *overrides, change=change))
    return tuple(artifact for target in targets for artifact in pipeline.rendered(this, project=PROJECT, target=target))


def texts(name: str, target: str, *overrides: str, change: Change | None = None) -> dict[str, str]:
    """Text of each artifact of one target, by path; without the copied library."""
    return {
        artifact.path: artifact.content.decode()
        for artifact in artifacts(name, [target], *overrides, change=change)
        if "/library/" not in artifact.path
    }


def write(folder: Path, found: Sequence[Artifact]) -> None:
    """Write artifacts below a folder, without a lock."""
    for artifact in found:
        path = folder / artifact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artifact.content)
