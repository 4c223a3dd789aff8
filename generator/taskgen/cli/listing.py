"""`taskgen profiles`, `targets`, `rules` and `schema`."""

import json
from typing import Annotated, Any

import typer

from taskgen.cli.options import FormatOption, ProjectOption, as_format, find_project
from taskgen.cli.screen import say, table
from taskgen.errors import UsageError


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

    What always holds, and what comes with another target, is explained by its id as well.

    Examples:
      taskgen rules

      taskgen rules C04
    """
    from taskgen.rules.catalogue import ALL_RULES
    from taskgen.rules.guaranteed import GUARANTEED
    from taskgen.rules.pending import PENDING

    form = as_format(output)
    brief = id is None and form == "text"
    rows = [
        {
            "id": entry.id,
            "severity": "/".join((entry.severity[environment] or "-") for environment in ("dev", "staging", "prod")),
            "statement": entry.statement,
            **({} if brief else {"prevents": entry.why, "reference": entry.reference, "remedy": entry.remedy}),
        }
        for entry in ALL_RULES
        if id in (None, entry.id)
    ]
    if id is not None and id in GUARANTEED:
        holds = GUARANTEED[id]
        rows = [{"id": id, "statement": holds.statement, "always holds": holds.how, "test": f"tests/{holds.proof}"}]
    if id is not None and id in PENDING:
        rows = [{"id": id, "statement": PENDING[id].statement, "comes with": PENDING[id].comes_with}]
    if not rows:
        raise UsageError(f"{id}: no such rule; `taskgen rules` lists them")
    if id is not None and form == "text":
        for line in table([[f"{key}:", str(value)] for key, value in rows[0].items()]):
            say(line)
        return
    _show(rows, form)


def schema(project: ProjectOption = None) -> None:
    """Print the JSON Schema of the profile, for editors.

    Example: taskgen schema > profile.schema.json
    """
    from taskgen.profile.discovery import discover
    from taskgen.profile.schema import json_schema

    say(json.dumps(json_schema(discover(find_project(project))), indent=2))
