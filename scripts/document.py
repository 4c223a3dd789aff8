"""Writes the tables of the documentation that follow from the code, between their `generated` comments.

Usage: python -m scripts.document [--check]
"""

import argparse
import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from scripts import contract_columns, library_tables
from scripts.markdown import first_line, table
from scripts.profile_fields import sections
from task_abstraction import exporter
from taskgen.plan import build
from taskgen.plan.facts import profile_facts, tier_facts
from taskgen.profile.discovery import discover
from taskgen.profile.files import Project
from taskgen.profile.loading import load
from taskgen.profile.targets import TargetSpec
from taskgen.rules.catalogue import ALL_RULES
from taskgen.rules.engine import ENVIRONMENTS
from taskgen.rules.pending import PENDING
from taskgen.rules.usage import NOT_RENDERED

ROOT: Final = Path(__file__).resolve().parents[1]
_PART: Final = re.compile(
    r"(<!-- generated: ([a-z\-]+)(?: ([\w.\-/]+))? -->\n).*?(<!-- end of generated -->)", re.DOTALL
)


def commands(_: str) -> str:
    """Commands of taskgen."""
    from taskgen.cli.main import app

    rows = [
        (f"`taskgen {command.name or command.callback.__name__}`", first_line(command.callback.__doc__))
        for command in app.registered_commands
        if command.callback is not None
    ]
    rows += [
        ("`task-backend-worker`", "Run a worker: it serves the queues of its tier, health and metrics."),
        ("`task-backend-exporter`", first_line(exporter.__doc__)),
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


def _cited(text: str) -> str:
    """A source with its chapters as links."""
    return re.sub(r"\[(\w+)( [\d.]+)?\](?!\()", lambda found: f"{found[0]}(sources.md#{_heading(found[1])})", text)


def _heading(name: str) -> str:
    last = {"Monitoring", "Library", "Images", "Simulation"}
    return "monitoring-library-images-simulation" if name in last else name.lower()


def derivations(which: str) -> str:
    """Derived values, of a tier or of the whole profile."""
    of_tiers = {**build.TIER_DERIVATIONS, **build.LATE_DERIVATIONS}
    found = of_tiers if which == "tier" else build.PROFILE_DERIVATIONS
    paths = _paths()
    rows = [
        (
            f"`{name}`",
            first_line(entry.function.__doc__),
            entry.formula,
            f"`{paths[entry.override]}`" if entry.override else "",
            _cited(entry.source),
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
    for entry in ALL_RULES:
        if entry.id[0] != letter:
            continue
        severities = {environment: entry.severity[environment] or "not checked" for environment in ENVIRONMENTS}
        same = set(severities.values())
        severity = same.pop() if len(same) == 1 else ", ".join(f"{name}: {value}" for name, value in severities.items())
        parts.append(
            f"### {entry.id}\n{entry.statement}.\n\n- severity: {severity}\n- prevents: {entry.why}\n"
            f"- remedy: {entry.remedy}\n- source: {_cited(entry.reference)}\n"
        )
    return "\n".join(parts)


def pending(_: str) -> str:
    """Statements about what is not rendered yet."""
    rows = [(name, entry.statement, entry.comes_with) for name, entry in PENDING.items()]
    return table(("id", "statement", "comes with"), rows)


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


def layers(_: str) -> str:
    """Parts of both packages in the order of their layers, as the test of imports holds it."""
    tree = ast.parse((ROOT / "tests" / "unit" / "test_layers.py").read_text(encoding="utf-8"))
    assigned = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    rows = []
    for package, name in (("generator/taskgen", "GENERATOR_LAYERS"), ("library/task_abstraction", "LIBRARY_LAYERS")):
        here = {path.stem for path in (ROOT / package).iterdir() if path.suffix == ".py" or any(path.glob("*.py"))}
        found = [
            sorted(part for part in layer & here if not part.startswith("_"))
            for layer in ast.literal_eval(assigned[name])
        ]
        rows.append((f"`{package}`", " < ".join(", ".join(f"`{part}`" for part in layer) for layer in found if layer)))
    return table(("package", "parts, each importing only from those before it"), rows)


def profile_fields(_: str) -> str:
    """Every field of the profile."""
    head = ("field", "form", "default", "what it means")
    return "\n".join(f"## {title}\n{table(head, rows)}" for title, rows in sections())


GENERATORS: Final[Mapping[str, Callable[[str], str]]] = {
    "commands": commands,
    "derivations": derivations,
    "facts": facts,
    "rules": rules,
    "pending": pending,
    "options": options,
    "output": output,
    "capabilities": library_tables.capabilities,
    "contract": contract_columns.contract,
    "flags": library_tables.flags,
    "environment": library_tables.environment,
    "metrics": library_tables.metrics,
    "shipped": shipped,
    "not-rendered": not_rendered,
    "layers": layers,
    "profile-fields": profile_fields,
}


def rewritten(text: str) -> str:
    """Return a page with its generated parts as the code is now."""
    return _PART.sub(lambda part: f"{part[1]}{GENERATORS[part[2]](part[3] or '')}{part[4]}", text)


def pages() -> Iterator[Path]:
    """Yield the pages that may have generated parts."""
    yield from (ROOT / "README.md", ROOT / "ARCHITECTURE.md")
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
    parser = argparse.ArgumentParser(prog="python -m scripts.document", description=first_line(__doc__))
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
