"""Writes the tables of the documentation that follow from the code, between their `generated` comments.

Usage: python -m scripts.document [--check]
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from scripts.profile_fields import sections
from task_abstraction import exporter, worker
from task_abstraction.capabilities import CAPABILITIES
from task_abstraction.config.backend import VARIABLES
from task_abstraction.config.settings import SETTINGS
from task_abstraction.models import Feature
from task_abstraction.runtime.worker_metrics import WorkerMetrics
from taskgen.plan import build
from taskgen.plan.facts import profile_facts, tier_facts
from taskgen.profile.discovery import discover
from taskgen.profile.files import Project
from taskgen.profile.loading import load
from taskgen.profile.targets import TargetSpec
from taskgen.rules.catalogue import RULES
from taskgen.rules.engine import ENVIRONMENTS
from taskgen.rules.usage import NOT_RENDERED

ROOT: Final = Path(__file__).resolve().parents[1]
_PART: Final = re.compile(
    r"(<!-- generated: ([a-z\-]+)(?: ([\w.\-/]+))? -->\n).*?(<!-- end of generated -->)", re.DOTALL
)
NO_CALL_YET: Final = frozenset(
    {
        Feature.CHAIN,
        Feature.GROUP,
        Feature.CHORD,
        Feature.DAG,
        Feature.DURABLE,
        Feature.STREAMING,
        Feature.DEAD_LETTER,
        Feature.ENCRYPTION,
        Feature.CONCURRENCY_KEY,
    }
)
"""Features of the capability table that the library offers no call for yet: documented when it does."""


def _cell(text: object) -> str:
    line = " ".join(str(text).split()).replace("|", "\\|")
    # Outside code an angle bracket begins HTML; a line break is the one tag that is meant.
    parts = line.split("`")
    parts[::2] = [re.sub(r"<(?!br>)", "&lt;", part) for part in parts[::2]]
    return "`".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)]) + "\n"


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def commands(_: str) -> str:
    """Commands of taskgen."""
    from taskgen.cli.main import app

    rows = [
        (f"`taskgen {command.name or command.callback.__name__}`", _first_line(command.callback.__doc__))
        for command in app.registered_commands
        if command.callback is not None
    ]
    rows += [
        ("`task-backend-worker`", "Run a worker: it serves the queues of its tier, health and metrics."),
        ("`task-backend-exporter`", _first_line(exporter.__doc__)),
    ]
    return table(("command", "what it does"), rows)


def _paths() -> dict[str, str]:
    """Where each fact stands in a profile."""
    profile = load("prod-celery", project=Project(ROOT)).profile
    name, tier = next(iter(profile.tiers.items()))
    facts = {**profile_facts(profile, ()), **tier_facts(profile, name, tier, "celery")}
    facts["backend"] = replace(facts["backend"], path=f"tiers.{name}.backend")
    generic = {short: fact.path.replace(f"tiers.{name}", "tiers.NAME") for short, fact in facts.items()}
    return {short: re.sub(r"slo\.wait\.p[\d.]+", "slo.wait", path) for short, path in generic.items()}


def derivations(which: str) -> str:
    """Derived values, of a tier or of the whole profile."""
    of_tiers = {**build.TIER_DERIVATIONS, **build.LATE_DERIVATIONS}
    found = of_tiers if which == "tier" else build.PROFILE_DERIVATIONS
    paths = _paths()
    rows = [
        (
            f"`{name}`",
            _first_line(entry.function.__doc__),
            entry.formula,
            f"`{paths[entry.override]}`" if entry.override else "",
            entry.source,
        )
        for name, entry in sorted(found.items())
    ]
    return table(("value", "what it is", "formula", "set by hand", "source"), rows)


def facts(_: str) -> str:
    """Facts that the formulas name."""
    every = {**build.TIER_DERIVATIONS, **build.LATE_DERIVATIONS, **build.PROFILE_DERIVATIONS}
    used = {need for entry in every.values() for need in entry.needs} - set(every)
    return table(
        ("fact", "path in the profile"), [(f"`{n}`", f"`{p}`") for n, p in sorted(_paths().items()) if n in used]
    )


def rules(letter: str) -> str:
    """Rules of one family."""
    parts = []
    for entry in RULES:
        if entry.id[0] != letter:
            continue
        severities = {environment: entry.severity[environment] or "not checked" for environment in ENVIRONMENTS}
        same = set(severities.values())
        severity = same.pop() if len(same) == 1 else ", ".join(f"{name}: {value}" for name, value in severities.items())
        parts.append(
            f"### {entry.id}\n{entry.statement}.\n\n- severity: {severity}\n- prevents: {entry.why}\n"
            f"- remedy: {entry.remedy}\n- source: {entry.reference}\n"
        )
    return "\n".join(parts)


def _spec(name: str) -> TargetSpec:
    return discover(Project(ROOT))[name]


def options(target: str) -> str:
    """Options of a target."""
    spec = _spec(target)
    if not spec.options:
        return "This target has no options.\n"
    rows = []
    for name, option in spec.options.items():
        kind = " or ".join(f"`{choice}`" for choice in option.choices) if option.choices else option.type
        default = (
            "required" if option.required else "" if option.default in (None, {}) else f"`{_yaml(option.default)}`"
        )
        rows.append((f"`targets.{target}.{name}`", kind, default, option.help))
    return table(("option", "type", "default", "what it means"), rows)


def _yaml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list | tuple) else str(value)


def output(target: str) -> str:
    """Files of a target, and when they exist."""
    spec = _spec(target)
    rows = [
        (f"`{file.path}`", ", ".join(file.for_each), f"`{file.when}`" if file.when else "always") for file in spec.files
    ]
    rows += [(f"`{copy.to}/`", "", "always; a copy") for copy in spec.copies]
    return table(("file", "one for each", "when"), rows)


def capabilities(_: str) -> str:
    """What each backend can do."""
    rows = []
    for feature in (feature for feature in Feature if feature not in NO_CALL_YET):
        row = [f"`{feature.value}`"]
        for backend in ("celery", "temporal", "hatchet"):
            found = [entry for entry in CAPABILITIES if entry.backend == backend and entry.feature is feature]
            row.append(
                "<br>".join(
                    f"{entry.support.value}{f' ({entry.condition})' if entry.condition else ''}: {entry.mechanism}"
                    for entry in found
                )
                or "refused"
            )
        rows.append(row)
    return table(("feature", "Celery", "Temporal", "Hatchet"), rows)


def _flags(parser: argparse.ArgumentParser) -> str:
    rows = [
        (f"`{', '.join(action.option_strings)}{f' {action.metavar}' if action.metavar else ''}`", action.help or "")
        for action in parser._actions  # noqa: SLF001  # argparse offers no other way to list its flags
    ]
    return table(("flag", "what it does"), rows)


def flags(command: str) -> str:
    """Flags of a command of the library."""
    return _flags({"worker": worker.parser, "exporter": exporter.parser}[command]())


def environment(which: str) -> str:
    """Variables of the library: settings of every process, or connections of the backends."""
    if which == "settings":
        rows = [
            (", ".join(f"`{variable}`" for variable in setting.names), name, setting.default or "")
            for name, setting in SETTINGS.items()
        ]
        return table(("variables, the first one counts", "setting", "default"), rows)
    found = [
        (backend, parameter, ", ".join(f"`{variable}`" for variable in variables))
        for backend, parameters in VARIABLES.items()
        for parameter, variables in parameters.items()
    ]
    return table(("backend", "parameter", "variables, the first one counts"), found)


def metrics(which: str) -> str:
    """Metrics of the worker or the exporter."""
    if which == "worker":
        registry = WorkerMetrics(
            backend="", tier="", slots=1, pool="", duration_buckets=(1.0,), wait_buckets=(1.0,)
        ).registry
    else:
        registry = exporter.Gauges().registry
    text = registry.render()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)", text, re.MULTILINE))
    helps = re.findall(r"^# HELP (\S+) (.*)", text, re.MULTILINE)
    return table(("metric", "type", "what it counts"), [(f"`{name}`", kinds[name], what) for name, what in helps])


def shipped(which: str) -> str:
    """Shipped profiles, or fragments, with what their first line says."""
    folder = ROOT / "profiles"
    rows = []
    for path in sorted(folder.rglob("*.yaml")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if ("/" in name) == (which == "fragments"):
            text = path.read_text(encoding="utf-8")
            extends = re.search(r"^extends: \[(.*)\]", text, re.MULTILINE)
            says = text.splitlines()[0].removeprefix("# ") if text.startswith("#") else ""
            rows.append((f"`{name}`", says if which == "fragments" else f"`{extends[1] if extends else ''}`"))
    return table(("fragment", "what it is for") if which == "fragments" else ("profile", "extends"), rows)


def not_rendered(_: str) -> str:
    """Fields that no target renders yet."""
    return table(("field", "what to know"), [(f"`{path}`", what) for path, what in NOT_RENDERED.items()])


def profile_fields(_: str) -> str:
    """Every field of the profile."""
    head = ("field", "form", "default", "what it means")
    return "\n".join(f"## {title}\n{table(head, rows)}" for title, rows in sections())


GENERATORS: Final[Mapping[str, Callable[[str], str]]] = {
    "commands": commands,
    "derivations": derivations,
    "facts": facts,
    "rules": rules,
    "options": options,
    "output": output,
    "capabilities": capabilities,
    "flags": flags,
    "environment": environment,
    "metrics": metrics,
    "shipped": shipped,
    "not-rendered": not_rendered,
    "profile-fields": profile_fields,
}


def rewritten(text: str) -> str:
    """Return a page with its generated parts as the code is now."""
    return _PART.sub(lambda part: f"{part[1]}{GENERATORS[part[2]](part[3] or '')}{part[4]}", text)


def pages() -> Iterator[Path]:
    """Yield the pages that may have generated parts."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").rglob("*.md"))


def stale() -> dict[Path, str]:
    """Pages that differ from the code, with the text that they should have."""
    found: dict[Path, str] = {}
    for path in pages():
        text = path.read_text(encoding="utf-8")
        if (new := rewritten(text)) != text:
            found[path] = new
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the pages, or with --check only name those that differ."""
    parser = argparse.ArgumentParser(prog="python -m scripts.document", description=_first_line(__doc__))
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page differs")
    only_check = parser.parse_args(arguments).check
    found = stale()
    for path, text in found.items():
        print(f"{path.relative_to(ROOT)}: {'differs from the code' if only_check else 'written'}")
        if not only_check:
            path.write_text(text, encoding="utf-8")
    return 1 if only_check and found else 0


if __name__ == "__main__":
    sys.exit(main())
