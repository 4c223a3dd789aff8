"""`taskgen explain`: where a value, or a line of an artifact, came from."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated

import typer

from taskgen.cli.options import FormatOption, ProfileOption, ProjectOption, SetOption, as_format, find_project
from taskgen.cli.screen import paint, say, table
from taskgen.errors import TaskgenError, UsageError
from taskgen.profile.files import Project

if TYPE_CHECKING:
    from taskgen.pipeline import Checked
    from taskgen.report.explanation import Explanation


def explain(  # one parameter for each flag
    path: Annotated[
        str | None, typer.Argument(metavar="[PATH]", help="Value, such as tiers.high.scale.max or tiers.high.grace.")
    ] = None,
    profile: ProfileOption = None,
    overrides: SetOption = None,
    what_if: Annotated[
        list[str] | None,
        typer.Option("--what-if", metavar="KEY=VALUE", help="What it would be: load.peak=20/s; repeatable."),
    ] = None,
    artifact: Annotated[
        str | None, typer.Option("--artifact", metavar="FILE:LINE", help="Explain a line of a rendered file.")
    ] = None,
    used_by: Annotated[bool, typer.Option("--used-by", help="Name the artifacts that change with it.")] = False,
    output: FormatOption = "text",
    project: ProjectOption = None,
) -> None:
    """Say where a value came from: file, line and fragment, or formula and inputs.

    Examples:
      taskgen explain tiers.high.scale.max --profile prod-celery

      taskgen explain tiers.file.grace --profile prod-temporal --used-by

      taskgen explain tiers.high.max_replicas --profile prod-celery --what-if load.peak=50/s

      taskgen explain --artifact out/prod-celery/kubernetes/eu-1/deployment-worker-file.yaml:51
    """
    from taskgen import pipeline

    where, form = find_project(project), as_format(output)
    _together(path, artifact, what_if=bool(what_if), used_by=used_by)
    if artifact is not None:
        _explain_line(where, artifact, profile, overrides or [], form)
        return
    if profile is None:
        raise UsageError("state --profile NAME; `taskgen profiles` lists the names")
    this = pipeline.checked(profile, project=where, overrides=overrides or [])
    if path is None:
        _list(this, form)
        return
    from taskgen.report.explanation import explain as explained

    found = explained(this.plan, this.loaded.positions, path)
    changed = [_what_if(where, profile, overrides or [], path, change) for change in what_if or ()]
    users = pipeline.users_of(this, found.path, project=where) if used_by else None
    if form == "json":
        say(json.dumps({**asdict(found), "what_if": changed, "used_by": users}, indent=2, default=str))
        return
    for line in _lines(found):
        say(line)
    for entry in changed:
        say(f"with {entry['change']}: {entry['value']}")
    if users is not None:
        say("used by:" if users else "used by: nothing that is rendered here")
        for user in users:
            say(f"  {user}")


def _together(path: str | None, artifact: str | None, *, what_if: bool, used_by: bool) -> None:
    """Refuse flags that would be ignored.

    Raises:
        UsageError: there are some.
    """
    further = [flag for flag, given in (("--what-if", what_if), ("--used-by", used_by)) if given]
    if artifact is not None and (path is not None or further):
        raise UsageError(f"--artifact explains a line: leave out {path or further[0]}, or ask for a value by itself")
    if path is None and further:
        raise UsageError(f"{further[0]} is about one value: name its path, such as tiers.high.max_replicas")


def _list(this: "Checked", form: str) -> None:
    """Print every derived value of a profile."""
    from taskgen.report.values import shown

    rows = [
        {"path": name, "value": shown(name.rpartition(".")[2], trail.value), "formula": trail.formula}
        for name, trail in this.plan.trails.items()
    ]
    if form == "json":
        say(json.dumps(rows, indent=2))
        return
    for line in table([[row["path"], row["value"], row["formula"]] for row in rows]):
        say(line)


def _lines(found: "Explanation") -> list[str]:
    lines = [f"{paint(found.path, 'bold')} = {found.value}   ({found.kind})"]
    for number, position in enumerate(found.chain):
        lines.append(f"  {'set' if number == len(found.chain) - 1 else 'overridden'} at {position}")
    if found.kind == "default":
        lines.append("  nobody states it: the default of the schema (`taskgen schema`)")
    if found.formula:
        lines.append(f"  formula: {found.formula}")
        if found.derived:
            lines.append(f"  derived it would be {found.derived}")
        rows = [
            [f"    {cause.name}", "=", cause.value, str(cause.position) if cause.position else f"({cause.path})"]
            for cause in found.causes
        ]
        lines += table(rows)
        chapters = " (docs/sources.md)" if "[" in found.source else ""
        lines.append(f"  source: {found.source}{chapters}")
        if found.settable and not found.chain:
            lines.append(f"  to set it by hand: {found.settable}")
    if found.feeds:
        lines.append(f"  goes into: {', '.join(found.feeds)}")
    return lines


def _what_if(project: Project, profile: str, overrides: Sequence[str], path: str, change: str) -> dict[str, str]:
    """Return the value with one change; a key without its tier is of the tier that the path is about."""
    from taskgen import pipeline
    from taskgen.profile.model import Profile
    from taskgen.profile.paths import join, split
    from taskgen.report.explanation import explain as explained

    key, equals, _ = change.partition("=")
    if not equals:
        raise UsageError(f"--what-if {change}: write KEY=VALUE")
    parts = split(path)
    of_tier = parts[0] == "tiers" and len(parts) > 1 and key.partition(".")[0] not in Profile.model_fields
    full = f"{join(parts[:2])}.{change}" if of_tier else change
    try:
        other = pipeline.checked(profile, project=project, overrides=[*overrides, full])
    except TaskgenError as error:
        raise _of_flag(error, full) from None
    try:
        found = explained(other.plan, other.loaded.positions, path)
    except UsageError:
        raise UsageError(f"--what-if {full}: then there is no {path}") from None
    return {"change": full, "value": found.value}


def _of_flag(error: TaskgenError, change: str) -> TaskgenError:
    """Return the error with the flag that was typed: the change is read as one of --set."""
    key = change.partition("=")[0]
    return UsageError(str(error).replace(f"--set {key}", f"--what-if {key}").replace("--set:", f"--what-if {change}:"))


def _explain_line(project: Project, place: str, profile: str | None, overrides: Sequence[str], form: str) -> None:
    from taskgen import pipeline

    file, colon, number = place.rpartition(":")
    if not colon or not number.isdecimal() or int(number) < 1:
        raise UsageError(f"--artifact {place}: write FILE:LINE, such as out/prod-celery/compose/compose.yaml:12")
    name, path = _artifact_path(file, profile)
    this = pipeline.checked(name, project=project, overrides=overrides)
    found = pipeline.line_of(this, path, int(number), project=project)
    if form == "json":
        say(json.dumps(asdict(found), indent=2, default=str))
        return
    say(f"{name}/{path}:{number}")
    if found.file:
        say(f"  holds {name}/{found.file}")
    say(f"  made by templates/{found.template}:{found.line}: {found.text}")
    if found.constant:
        say("  the same whatever the values are: text of the template, or a name of the profile")
    for explanation in found.values:
        for line in _lines(explanation):
            say(f"  {line}")


def _artifact_path(file: str, profile: str | None) -> tuple[str, str]:
    """Return profile and path below out/<profile>/ of an artifact as a person names it."""
    parts = PurePosixPath(file).parts
    if profile is not None:
        start = parts.index(profile) + 1 if profile in parts else 0
        return profile, "/".join(parts[start:])
    if "out" in parts[:-2]:
        start = len(parts) - 1 - parts[::-1].index("out")
        return parts[start + 1], "/".join(parts[start + 2 :])
    raise UsageError(f"--artifact {file}: name it from out/<profile>/ on, or state --profile NAME")
