"""The way through the house, once: load, plan, rules, render. Commands are prefixes of it."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from taskgen import __version__
from taskgen.artifact import Artifact
from taskgen.errors import UsageError
from taskgen.output.inputs import digest
from taskgen.output.lock import Origin
from taskgen.plan.build import make_plan
from taskgen.plan.model import Plan
from taskgen.profile.files import Project
from taskgen.profile.loading import Loaded, load
from taskgen.quick import sources
from taskgen.rules.catalogue import blocks, check
from taskgen.rules.engine import Finding

if TYPE_CHECKING:
    from taskgen.report.lines import LineOrigin


@dataclass(frozen=True, slots=True)
class Checked:
    """A profile that was loaded, planned and checked."""

    loaded: Loaded
    plan: Plan
    findings: tuple[Finding, ...]

    @property
    def blocked(self) -> bool:
        """Whether an error that is not waived stops render."""
        return blocks(self.findings)


def checked(name: str, *, project: Project, overrides: Sequence[str] = ()) -> Checked:
    """Load a profile, derive its plan and run the rules.

    Raises:
        ProfileError: the profile cannot be read or does not fit the schema.
        UsageError: an override has no meaning.
    """
    loaded = load(name, project=project, overrides=overrides)
    limits = {target: spec.limits.grace for target, spec in loaded.specs.items() if spec.limits.grace is not None}
    plan = make_plan(loaded.profile, grace_limits=limits)
    return Checked(loaded, plan, check(plan, position=loaded.positions.at))


def beside(each: Mapping[str, Checked]) -> Mapping[str, tuple[Finding, ...]]:
    """Return what the profiles of a project do to each other, by profile."""
    from taskgen.rules.across import check_all

    return check_all(
        {name: this.plan for name, this in each.items()},
        position=lambda name, path: each[name].loaded.positions.at(path),
    )


def rendered(this: Checked, *, project: Project, target: str | None = None) -> tuple[Artifact, ...]:
    """Render the artifacts of a checked profile.

    Raises:
        UsageError: the profile does not name the target.
        TemplateError: a template is wrong.
    """
    from taskgen.rendering.render import render  # Jinja is imported only where something is rendered

    if target is not None and getattr(this.plan.profile.targets, target, None) is None:
        named = [name for name in this.loaded.specs if getattr(this.plan.profile.targets, name, None) is not None]
        raise UsageError(f"--target {target}: profile {this.plan.profile.name} has the targets {', '.join(named)}")
    return render(
        this.plan,
        this.loaded.specs,
        roots=project.template_roots(),
        trees={"library": project.shipped / "library"},
        only=target,
    )


def check_rendered(this: Checked, artifacts: tuple[Artifact, ...]) -> tuple[Finding, ...]:
    """Return what only the rendered artifacts show: rules over Kubernetes objects."""
    if not any(artifact.target == "kubernetes" for artifact in artifacts):
        return ()
    from taskgen.verifying.rendered import check_rendered as check_objects

    return check_objects(this.plan, artifacts, folder=f"{this.plan.profile.output}/{this.plan.profile.name}")


def folders_of(this: Checked, target: str) -> AbstractSet[str]:
    """Return the folders at the top of the output that a target speaks for."""
    spec = this.loaded.specs[target]
    return {path.split("/", 1)[0] for path in (*(file.path for file in spec.files), *(copy.to for copy in spec.copies))}


def tree_inputs(project: Project) -> Mapping[str, str]:
    """Return the digests of templates and library; taken before they are read, so that an edit meanwhile shows."""
    return sources(str(project.root), str(project.shipped)).tree_inputs()


def origin(this: Checked, *, trees: Mapping[str, str]) -> Origin:
    """Return what a tree is rendered from, for its lock.

    Args:
        this: the profile, with the contents that were read.
        trees: digests from `tree_inputs`.
    """
    files = {name: digest(content) for name, content in this.loaded.inputs.items()}
    return Origin(
        version=__version__,
        profile=this.plan.profile.name,
        overrides=tuple(this.loaded.overrides),
        inputs={**trees, **files},
    )


def output_folder(project: Project, name: str, out: Path | None, default: str) -> Path:
    """Return `out/<profile>`."""
    return (out if out is not None else project.root / default) / name


def users_of(this: Checked, path: str, *, project: Project) -> tuple[str, ...]:
    """Return the artifacts that change when a value does, by rendering once more with another value.

    Raises:
        UsageError: there is no other value of this kind to try.
    """
    from taskgen.report.blame import with_another
    from taskgen.report.explanation import users

    plan = with_another(this.loaded.profile, this.plan, path)
    before = rendered(this, project=project)
    return users(before, lambda: rendered(Checked(this.loaded, plan, ()), project=project))


def line_of(this: Checked, path: str, number: int, *, project: Project) -> "LineOrigin":
    """Return what made a line of an artifact.

    Raises:
        UsageError: no template makes this file, or it has no such line.
    """
    from taskgen.report.lines import Rendering
    from taskgen.report.lines import line_of as of

    return of(Rendering(this.loaded, this.plan, project.template_roots()), path, number)
