"""`taskgen render` and `taskgen check`."""

import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from taskgen.cli.options import (
    AllOption,
    FormatOption,
    OutOption,
    ProfileOption,
    ProjectOption,
    SetOption,
    as_format,
    chosen,
    find_project,
)
from taskgen.cli.screen import paint, progress, say, tell
from taskgen.errors import TaskgenError, UsageError
from taskgen.profile.files import Project

if TYPE_CHECKING:
    from taskgen.artifact import Artifact
    from taskgen.output.lock import Origin
    from taskgen.rules.engine import Finding

EXIT_FINDINGS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """The flags of one `render`."""

    target: str | None
    out: Path | None
    check: bool
    overrides: Sequence[str]
    force: bool
    stdout: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The rendered tree of one profile, and where it goes."""

    name: str
    folder: Path
    artifacts: "tuple[Artifact, ...]"
    origin: "Origin"
    only: AbstractSet[str] | None
    """folders that one target speaks for"""


def render(  # noqa: PLR0917  # one parameter for each flag
    profile: ProfileOption = None,
    every: AllOption = False,
    target: Annotated[str | None, typer.Option("--target", "-t", metavar="TARGET", help="Only this target.")] = None,
    out: OutOption = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when files would change.")] = False,
    overrides: SetOption = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that were edited by hand.")] = False,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print the files instead of writing them.")] = False,
    project: ProjectOption = None,
) -> None:
    """Render a profile into out/<profile>/, or prove that it would not change.

    Examples:
      taskgen render --profile prod-temporal

      taskgen render --all --check

      taskgen render --profile dev-celery --target kubernetes --stdout

      taskgen render --profile prod-celery --set app.image.digest=sha256:...
    """
    where = find_project(project)
    if stdout and (check or force):
        raise UsageError("--stdout writes nothing: leave out --check and --force")
    names = chosen(where, profile, every=every)
    flags = Flags(target=target, out=out, check=check, overrides=overrides or (), force=force, stdout=stdout)
    failed = False
    for name in progress(names, label="rendering", total=len(names)):
        try:
            failed |= not _render_one(where, name, flags)
        except TaskgenError as error:
            if len(names) == 1:
                raise
            tell(f"error: {error}")
            failed = True
    if failed:
        raise typer.Exit(EXIT_FINDINGS)


def _render_one(project: Project, name: str, flags: Flags) -> bool:
    """Render one profile; say whether it went well."""
    from taskgen import pipeline
    from taskgen.rules.catalogue import blocks

    trees = pipeline.tree_inputs(project)
    this = pipeline.checked(name, project=project, overrides=flags.overrides)
    said = tell_findings(this.findings, name)
    if this.blocked:
        return False
    artifacts = pipeline.rendered(this, project=project, target=flags.target)
    over = pipeline.check_rendered(this, artifacts)
    said += tell_findings(over, name)
    if blocks(over):
        return False
    if flags.stdout:
        for artifact in artifacts:
            say(f"---\n# Source: {name}/{artifact.path}\n{artifact.content.decode()}".rstrip("\n"))
        return True
    tree = Tree(
        name=name,
        folder=pipeline.output_folder(project, name, flags.out, this.plan.profile.output),
        artifacts=artifacts,
        origin=pipeline.origin(this, trees=trees),
        only=pipeline.folders_of(this, flags.target) if flags.target else None,
    )
    settled = _compare(tree) if flags.check else _write(tree, force=flags.force)
    if settled is not None and tree.only is None:
        from taskgen.fastpath import remember

        remember(str(tree.folder), command="check" if flags.check else "render", said="\n".join([*said, settled]))
    return settled is not None


def _compare(tree: Tree) -> str | None:
    """Print how the tree on disk differs; return what to say when it does not."""
    from taskgen.output.drift import compare

    drift = compare(tree.folder, tree.artifacts, origin=tree.origin, only=tree.only)
    if not drift.clean:
        for line in drift.lines():
            say(f"{tree.name}/{line}")
        count = len(drift.lines())
        tell(f"error: {tree.name}: {count} files differ; run `taskgen render --profile {tree.name}` and commit")
        return None
    say(answer := f"{tree.name}: up to date, {len(tree.artifacts)} files")
    return answer


def _write(tree: Tree, *, force: bool) -> str:
    """Write the tree and print what was done; return what to say when nothing changes next time."""
    from taskgen.output.write import write

    written = write(tree.folder, tree.artifacts, origin=tree.origin, force=force, only=tree.only)
    drift = written.drift
    changed = len(drift.missing) + len(drift.changed) + len(drift.edited)
    total = len(tree.artifacts)
    unchanged = f"{tree.name}: unchanged, {total} files"
    say(unchanged if drift.clean else f"{tree.name}: wrote {changed} of {total} files, removed {len(drift.stale)}")
    for path in drift.orphaned:
        tell(f"warning: {tree.name}/{path} left the plan, but was edited by hand: kept, delete it if nobody needs it")
    for path in written.saved:
        tell(f"warning: {tree.name}/{path} was changed while it was written: your version was kept beside it")
    return unchanged


def tell_findings(findings: "Sequence[Finding]", name: str) -> list[str]:
    """Print what must be known to stderr; return the lines. Notes and waived findings are only counted."""
    shown = [finding for finding in findings if finding.waived is None and finding.severity != "note"]
    lines = [_line(finding) for finding in shown]
    for line in lines:
        tell(line)
    errors = sum(finding.severity == "error" for finding in shown)
    if errors:
        count = f"{errors} error{'s' if errors > 1 else ''}"
        tell(f"error: {name}: {count}, nothing was rendered; `taskgen rules ID` explains a rule")
    return lines


def _line(finding: "Finding") -> str:
    return str(finding).replace(f" {finding.severity} ", f" {paint(finding.severity, finding.severity)} ", 1)


def check(
    profile: ProfileOption = None,
    every: AllOption = False,
    overrides: SetOption = None,
    output: FormatOption = "text",
    project: ProjectOption = None,
) -> None:
    """Load a profile, derive its plan and run the rules; nothing is rendered.

    With --all also what two profiles do to each other: one namespace, one queue, one cluster with two autoscalers.

    Examples:
      taskgen check --profile prod-celery

      taskgen check --all -o json
    """
    from taskgen import pipeline
    from taskgen.rules.catalogue import blocks

    where = find_project(project)
    form = as_format(output)
    names = chosen(where, profile, every=every)
    found: list[dict[str, Any]] = []
    each = {
        name: pipeline.checked(name, project=where, overrides=overrides or [])
        for name in progress(names, label="checking", total=len(names))
    }
    beside = pipeline.beside(each) if every else {}
    for name, this in each.items():
        findings = (*this.findings, *beside.get(name, ()))
        found += [{"profile": name, **asdict(finding)} for finding in findings]
        if form == "text":
            for finding in findings:
                say(_line(finding))
            say(_summary(name, findings))
    blocked = any(this.blocked or blocks(beside.get(name, ())) for name, this in each.items())
    if form == "json":
        say(json.dumps(found, indent=2, default=str))
    if blocked:
        raise typer.Exit(EXIT_FINDINGS)


def _summary(name: str, findings: "Sequence[Finding]") -> str:
    open_ones = [finding for finding in findings if finding.waived is None]
    counts = [
        f"{number} {kind}{'s' if number != 1 else ''}"
        for kind in ("error", "warning", "note")
        if (number := sum(finding.severity == kind for finding in open_ones))
    ]
    waived = len(findings) - len(open_ones)
    parts = [*counts, *([f"{waived} waived"] if waived else [])]
    return f"{name}: {', '.join(parts) or 'clean'}"
