"""`taskgen render` and `taskgen check`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

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

EXIT_FINDINGS = 1


def render(  # one parameter for each flag
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
    failed = False
    for name in progress(names, label="rendering", total=len(names)):
        try:
            failed |= not _render_one(
                where, name, target=target, out=out, check=check, overrides=overrides or [], force=force, stdout=stdout
            )
        except TaskgenError as error:
            if len(names) == 1:
                raise
            tell(f"error: {error}")
            failed = True
    if failed:
        raise typer.Exit(EXIT_FINDINGS)


def _render_one(project: Project, name: str, *, target: str | None, out: Path | None, stdout: bool, **how: Any) -> bool:  # noqa: ANN401  # flags
    """Render one profile; say whether it went well."""
    from taskgen import pipeline

    this = pipeline.checked(name, project=project, overrides=how["overrides"])
    said = _tell_findings(this.findings, name)
    if this.blocked:
        return False
    artifacts = pipeline.rendered(this, project=project, target=target)
    if stdout:
        for artifact in artifacts:
            say(f"---\n# Source: {name}/{artifact.path}\n{artifact.content.decode()}".rstrip("\n"))
        return True
    folder = pipeline.output_folder(project, name, out, this.plan.profile.output)
    origin = pipeline.origin(this, project=project)
    only = pipeline.folders_of(this, target) if target else None
    if how["check"]:
        return _compare(folder, artifacts, origin, only, name, said)
    return _write(folder, artifacts, origin, only, name, said, force=how["force"])


def _compare(folder: Path, artifacts: Any, origin: Any, only: Any, name: str, said: list[str]) -> bool:  # noqa: ANN401
    from taskgen.fastpath import remember
    from taskgen.output.drift import compare

    drift = compare(folder, artifacts, origin=origin, only=only)
    if not drift.clean:
        for line in drift.lines():
            say(f"{name}/{line}")
        tell(f"error: {name}: {len(drift.lines())} files differ; run `taskgen render --profile {name}` and commit")
        return False
    answer = f"{name}: up to date, {len(artifacts)} files"
    say(answer)
    if only is None:
        remember(str(folder), command="check", said="\n".join([*said, answer]))
    return True


def _write(  # the parts of one render
    folder: Path,
    artifacts: Any,
    origin: Any,
    only: Any,
    name: str,
    said: list[str],
    *,
    force: bool,  # noqa: ANN401
) -> bool:
    from taskgen.fastpath import remember
    from taskgen.output.write import write

    written = write(folder, artifacts, origin=origin, force=force, only=only)
    drift = written.drift
    changed = len(drift.missing) + len(drift.changed) + len(drift.edited)
    unchanged = f"{name}: unchanged, {len(artifacts)} files"
    say(unchanged if drift.clean else f"{name}: wrote {changed} of {len(artifacts)} files, removed {len(drift.stale)}")
    for path in drift.orphaned:
        tell(f"warning: {name}/{path} left the plan, but was edited by hand: kept, delete it if nobody needs it")
    for path in written.saved:
        tell(f"warning: {name}/{path} was changed while it was written: your version was kept beside it")
    if only is None:
        remember(str(folder), command="render", said="\n".join([*said, unchanged]))
    return True


def _tell_findings(findings: Any, name: str) -> list[str]:  # noqa: ANN401  # findings of the rules
    """Print what must be known to stderr; return the lines. Notes and waived findings are only counted."""
    shown = [finding for finding in findings if finding.waived is None and finding.severity != "note"]
    lines = [_line(finding) for finding in shown]
    for line in lines:
        tell(line)
    errors = sum(finding.severity == "error" for finding in shown)
    if errors:
        tell(
            f"error: {name}: {errors} error{'s' if errors > 1 else ''}, nothing was rendered; `taskgen rules ID` explains a rule"
        )
    return lines


def _line(finding: Any) -> str:  # noqa: ANN401  # a finding of the rules
    return str(finding).replace(f" {finding.severity} ", f" {paint(finding.severity, finding.severity)} ", 1)


def check(
    profile: ProfileOption = None,
    every: AllOption = False,
    overrides: SetOption = None,
    output: FormatOption = "text",
    project: ProjectOption = None,
) -> None:
    """Load a profile, derive its plan and run the rules; nothing is rendered.

    Examples:
      taskgen check --profile prod-celery

      taskgen check --all -o json
    """
    from taskgen import pipeline

    where = find_project(project)
    form = as_format(output)
    names = chosen(where, profile, every=every)
    found: list[dict[str, Any]] = []
    blocked = False
    for name in progress(names, label="checking", total=len(names)):
        this = pipeline.checked(name, project=where, overrides=overrides or [])
        blocked |= this.blocked
        found += [{"profile": name, **asdict(finding)} for finding in this.findings]
        if form == "text":
            for finding in this.findings:
                say(_line(finding))
            say(_summary(name, this.findings))
    if form == "json":
        say(json.dumps(found, indent=2, default=str))
    if blocked:
        raise typer.Exit(EXIT_FINDINGS)


def _summary(name: str, findings: Any) -> str:  # noqa: ANN401  # findings of the rules
    open_ones = [finding for finding in findings if finding.waived is None]
    counts = [
        f"{number} {kind}{'s' if number != 1 else ''}"
        for kind in ("error", "warning", "note")
        if (number := sum(finding.severity == kind for finding in open_ones))
    ]
    waived = len(findings) - len(open_ones)
    parts = [*counts, *([f"{waived} waived"] if waived else [])]
    return f"{name}: {', '.join(parts) or 'clean'}"
