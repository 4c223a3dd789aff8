"""`taskgen profiles`, `targets`, `rules` and `schema`."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from taskgen.cli.options import FormatOption, ProjectOption, as_format, find_project
from taskgen.cli.screen import say, table
from taskgen.errors import UsageError

if TYPE_CHECKING:
    from taskgen.rules.engine import Rule


def _show(rows: list[dict[str, Any]], form: str) -> None:
    if form == "json":
        say(json.dumps(rows, indent=2))
        return
    for line in table([[str(cell) for cell in row.values()] for row in rows]):
        say(line)


def profiles(output: FormatOption = "text", project: ProjectOption = None) -> None:
    """List the profiles: the project's own, and the shipped ones.

    Example: taskgen profiles
    """
    from taskgen.profile.loading import profile_names

    form = as_format(output)
    rows = [
        {"name": source.name, "origin": "shipped" if source.is_shipped else "project", "file": source.logical}
        for source in profile_names(find_project(project))
    ]
    _show(rows, form)


def targets(output: FormatOption = "text", project: ProjectOption = None) -> None:
    """List the targets with their options.

    Example: taskgen targets -o json
    """
    from taskgen.profile.discovery import discover

    form = as_format(output)
    specs = discover(find_project(project))
    if form == "json":
        options = {
            name: {option: entry.model_dump(mode="json") for option, entry in spec.options.items()}
            for name, spec in specs.items()
        }
        _show([{"name": name, "summary": spec.summary, "options": options[name]} for name, spec in specs.items()], form)
        return
    _show([{"name": name, "summary": spec.summary} for name, spec in specs.items()], form)


def rules(
    id: Annotated[str | None, typer.Argument(metavar="[ID]", help="Explain this rule.")] = None,  # noqa: A002  # its name
    output: FormatOption = "text",
) -> None:
    """List the rules, or explain one: what it asks, what it prevents, and what to do.

    The list ends with what comes with another target; what always holds is explained by its id as well.

    Examples:
      taskgen rules

      taskgen rules C04
    """
    form = as_format(output)
    if id is None:
        _list_rules(form)
        return
    row = _explained(id)
    if form == "json":
        _show([row], form)
        return
    for line in table([[f"{key}:", value] for key, value in row.items()]):
        say(line)


def _list_rules(form: str) -> None:
    """Print every rule, and what is pending: in JSON one entry each, in text one line for what it comes with."""
    from taskgen.rules.catalogue import ALL_RULES
    from taskgen.rules.pending import PENDING, by_what_they_come_with

    rows = [_of_rule(entry) for entry in ALL_RULES]
    if form == "json":
        _show([*rows, *map(_explained, PENDING)], form)
        return
    _show([{key: row[key] for key in ("id", "severity", "statement")} for row in rows], form)
    say("\npending: what they ask about is not rendered yet, and they come with it")
    _show([{"with": what, "ids": " ".join(ids)} for what, ids in by_what_they_come_with().items()], form)


def _of_rule(entry: "Rule") -> dict[str, str]:
    return {
        "id": entry.id,
        "severity": "/".join((entry.severity[name] or "-") for name in ("dev", "staging", "prod")),
        "statement": entry.statement,
        "prevents": entry.why,
        "reference": entry.reference,
        "remedy": entry.remedy,
    }


def _explained(id: str) -> dict[str, str]:  # noqa: A002  # its name
    """Return what is known about an id of the catalogue.

    Raises:
        UsageError: there is none.
    """
    from taskgen.rules.catalogue import ALL_RULES
    from taskgen.rules.guaranteed import GUARANTEED
    from taskgen.rules.pending import PENDING

    if id in GUARANTEED:
        holds = GUARANTEED[id]
        return {"id": id, "statement": holds.statement, "always holds": holds.how, "test": f"tests/{holds.proof}"}
    if id in PENDING:
        return {"id": id, "statement": PENDING[id].statement, "comes with": PENDING[id].comes_with}
    for entry in ALL_RULES:
        if entry.id == id:
            return _of_rule(entry)
    raise UsageError(f"{id}: no such rule; `taskgen rules` lists them")


def schema(project: ProjectOption = None) -> None:
    """Print the JSON Schema of the profile, for editors.

    Example: taskgen schema > profile.schema.json
    """
    from taskgen.profile.discovery import discover
    from taskgen.profile.schema import json_schema

    say(json.dumps(json_schema(discover(find_project(project))), indent=2))
