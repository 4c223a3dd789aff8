"""Where a line of an artifact came from: the template line that made it, and the values that it shows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from taskgen.errors import TaskgenError, UsageError
from taskgen.plan.build import make_plan
from taskgen.plan.model import Plan
from taskgen.profile.loading import Loaded
from taskgen.rendering.environment import render_text
from taskgen.rendering.render import finished, locate
from taskgen.rendering.tracing import Origin, trace
from taskgen.report.blame import Candidate, blamed, derived, nearest, replaced, stated
from taskgen.report.explanation import Explanation, explain

_EMBEDDED: Final = re.compile(r"  (\S+): \|[-+0-9]*")
"""The head of a file inside a ConfigMap."""


@dataclass(frozen=True, slots=True)
class LineOrigin:
    """Which template line made a line of an artifact, and the explanation of each value on it."""

    template: str
    line: int
    text: str
    values: tuple[Explanation, ...]
    constant: bool
    """nothing of the profile is on it"""
    file: str = ""
    """path and line of the file that is embedded here, where one is"""


@dataclass(frozen=True, slots=True)
class Rendering:
    """What artifacts of a profile are rendered from."""

    loaded: Loaded
    plan: Plan
    roots: Sequence[Path]


def line_of(this: Rendering, path: str, number: int) -> LineOrigin:
    """Return what made a line of an artifact.

    Raises:
        UsageError: no template makes this file, or it has no such line.
    """
    place = locate(this.plan, this.loaded.specs, path, roots=this.roots)
    if place is None:
        raise UsageError(f"--artifact {path}: no template of this profile makes it; copied files are as they are")
    template, context = place
    lines = _lines(this.roots, template, context)
    if number > len(lines):
        raise UsageError(f"--artifact {path}:{number}: the file ends with line {len(lines)}")
    origin = trace(this.roots, template, context, number)
    if origin is None:
        raise UsageError(f"--artifact {path}:{number}: the note on top, the same in every file")
    inner = _embedded(this, lines, number) if "files_of" in str(origin.text) or "yaml_literal" in origin.text else None
    if inner is not None:
        found = line_of(this, *inner)
        return LineOrigin(
            found.template, found.line, found.text, found.values, found.constant, f"{inner[0]}:{inner[1]}"
        )
    if "{{" not in origin.text and origin.fits:
        return LineOrigin(origin.template, origin.line, origin.text, (), constant=True)
    values = _printed(this, origin, context)
    if len(values) < len(re.findall(r"{{", origin.text)) or not origin.fits:
        values += tuple(entry for entry in _searched(this, path, lines, number, context) if entry not in values)
    return LineOrigin(origin.template, origin.line, origin.text, values, constant=not values)


def _lines(roots: Sequence[Path], template: str, context: Mapping[str, Any]) -> list[str]:
    return finished(render_text(roots, template, context), template, context["plan"]).splitlines()


def _embedded(this: Rendering, lines: Sequence[str], number: int) -> tuple[str, int] | None:
    """Return path and line of the rendered file that a ConfigMap holds at a line of it."""
    for above in range(number - 1, 0, -1):
        head = _EMBEDDED.fullmatch(lines[above - 1])
        if head is not None:
            path = f"settings/{head.group(1)}"
            inside = locate(this.plan, this.loaded.specs, path, roots=this.roots)
            same = inside is not None and _lines(this.roots, *inside)[number - above - 1].strip()
            return (path, number - above) if same == lines[number - 1].strip() else None
    return None


def _printed(this: Rendering, origin: Origin, context: Mapping[str, Any]) -> tuple[Explanation, ...]:
    """Return the explanations of the values that the template line names."""
    tier, found = context.get("tier"), []
    for chain in origin.values:
        root, _, rest = chain.partition(".")
        at = {"tier": f"tiers.{tier.name}.{rest}" if tier is not None else "", "plan": rest, "profile": rest}.get(root)
        at = at if at is not None else f"targets.{context['target']}.{rest}"
        for candidate in (at, at.replace(".profile.", ".")):
            explanation = _explained(this, candidate)
            if explanation is not None:
                found.append(explanation)
                break
    return tuple(found)


def _explained(this: Rendering, path: str) -> Explanation | None:
    try:
        return explain(this.plan, this.loaded.positions, path)
    except UsageError:
        return None


def _searched(
    this: Rendering, path: str, lines: Sequence[str], number: int, context: Mapping[str, Any]
) -> tuple[Explanation, ...]:
    """Return the explanations of the values that change the line."""

    def render(candidates: Sequence[Candidate]) -> Sequence[str] | None:
        profile = this.loaded.profile
        for candidate in candidates:
            if candidate.parts is not None:
                profile = replaced(profile, candidate.parts, candidate.other)
        forced = {candidate.path: candidate.other for candidate in candidates if candidate.parts is None}
        try:
            plan = make_plan(profile, grace_limits=this.plan.grace_limits, forced=forced)
            place = locate(plan, this.loaded.specs, path, roots=this.roots, only=context["target"])
            return _lines(this.roots, *place) if place else None
        except (TaskgenError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return None  # values that never come from a profile that was checked

    tier = context.get("tier")
    names = [entry.name for entry in this.plan.tiers]
    named = [name for name in names if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", lines[number - 1])]
    tiers = [tier.name] if tier is not None else named or names
    for candidates in (
        derived(this.plan, tiers),
        stated(this.loaded.profile, tiers, context["target"]),
    ):
        found = nearest(blamed(candidates, render, lines, number - 1), this.plan)
        explained = [entry for candidate in found if (entry := _explained(this, candidate.path)) is not None]
        if explained:
            return tuple(explained)
    return ()
