"""Where a value came from: the lines that set it, or the formula and its inputs; and what depends on it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, get_args, get_type_hints

from pydantic import BaseModel

from taskgen.artifact import Artifact
from taskgen.errors import Position, UsageError
from taskgen.plan.derivation import Derivation, Trail
from taskgen.plan.facts import TIER_PATHS
from taskgen.plan.model import Plan, TierPlan
from taskgen.profile.paths import join, split
from taskgen.profile.positions import Positions
from taskgen.profile.wording import suggestion
from taskgen.report.values import shown

FURTHER_PATHS: Final = {"time_limit": "task.time_limit"}
"""Paths below a tier of facts that stand in several places: the tier's own is the one to look at first."""


_OTHER_WORDS: Final = {"prefork": "threads", "threads": "prefork", "Percent": "Pods", "Pods": "Percent"}
"""Words of which there are few: any other text would be none of them."""
_SAMPLES: Final[Mapping[type, Any]] = {timedelta: timedelta(seconds=77), int: 77, float: 77.0, str: "other"}


@dataclass(frozen=True, slots=True)
class Cause:
    """One input of a derived value: its value, its path, and where that path was written, if it was."""

    name: str
    value: str
    path: str
    position: Position | None
    """None for a default or a value that is derived itself"""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that is known about one value."""

    path: str
    value: str
    kind: str
    """typed, default, derived, or typed over a derived value"""
    chain: tuple[Position, ...] = ()
    """every place that set it, the last one won"""
    formula: str = ""
    source: str = ""
    derived: str = ""
    """what the formula gives where a hand set another value"""
    settable: str = ""
    """path where it can be set by hand"""
    causes: tuple[Cause, ...] = ()
    feeds: tuple[str, ...] = ()
    """derived values that it is an input of"""


def explain(plan: Plan, positions: Positions, path: str) -> Explanation:
    """Explain a value by its path in the profile or in the plan.

    Raises:
        UsageError: there is no such value.
    """
    try:
        path = join(split(path))
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    trail = plan.trails.get(path) or next((entry for entry in plan.trails.values() if entry.settable == path), None)
    if trail is not None:
        return _derived(plan, positions, path, trail)
    found, value = _find(plan, path)
    if not found:
        known = [*plan.trails, *(entry.settable for entry in plan.trails.values() if entry.settable)]
        hint = suggestion(path, known, otherwise=": `taskgen explain` without a path lists the derived values")
        raise UsageError(f"{path}: the profile and the plan have no such value{hint}")
    chain = positions.chain(path)
    name = str(split(path)[-1])
    kind = "typed" if chain else "default"
    return Explanation(path, shown(name, value), kind, chain=chain, feeds=tuple(_feeds(plan, path)))


def _derived(plan: Plan, positions: Positions, path: str, trail: Trail) -> Explanation:
    name = next(key for key, entry in plan.trails.items() if entry is trail)
    leaf = name.rpartition(".")[2]
    return Explanation(
        path=path,
        value=shown(leaf, trail.value),
        kind="typed over a derived value" if trail.typed else "derived",
        chain=positions.chain(trail.typed) if trail.typed else (),
        formula=trail.formula,
        source=trail.source,
        derived=shown(leaf, trail.derived) if trail.typed else "",
        settable=trail.settable or "",
        causes=tuple(_causes(positions, trail)),
        feeds=tuple(_feeds(plan, name)),
    )


def _causes(positions: Positions, trail: Trail) -> Iterator[Cause]:
    for entry in trail.inputs:
        if isinstance(entry.value, tuple) and entry.value and isinstance(entry.value[0], TierPlan):
            yield from _causes_of_tiers(positions, trail.formula, entry.value)
            continue
        chain = positions.chain(entry.path)
        yield Cause(entry.name, shown(entry.name, entry.value), entry.path, chain[-1] if chain else None)


def _causes_of_tiers(positions: Positions, formula: str, tiers: tuple[TierPlan, ...]) -> Iterator[Cause]:
    """Yield, for a formula over all tiers, the values of each tier that it names."""
    words = dict.fromkeys(re.findall(r"[a-z_]+", formula))
    for tier in tiers:
        for word in words:
            if word in tier.values or word in tier.facts:
                path = f"tiers.{tier.name}.{TIER_PATHS.get(word, FURTHER_PATHS.get(word, word))}"
                chain = positions.chain(path)
                yield Cause(f"{tier.name}.{word}", shown(word, getattr(tier, word)), path, chain[-1] if chain else None)


def _feeds(plan: Plan, path: str) -> Iterator[str]:
    for name, trail in plan.trails.items():
        direct = any(entry.path == path for entry in trail.inputs)
        tier, _, leaf = path.rpartition(".")
        over_tiers = tier.startswith("tiers.") and any(entry.path == "tiers" for entry in trail.inputs)
        if direct or (over_tiers and re.search(rf"\b{re.escape(leaf)}\b", trail.formula)):
            yield name


def _find(plan: Plan, path: str) -> tuple[bool, Any]:
    """Return whether the profile holds a path, and what is there."""
    value: Any = plan.profile
    for part in split(path):
        if isinstance(value, BaseModel) and part in type(value).model_fields:
            value = getattr(value, str(part))
        elif isinstance(value, Mapping) and part in value:
            value = value[str(part)]
        elif isinstance(value, tuple) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return False, None
    return True, value


def other_than(value: Any) -> Any:  # noqa: ANN401  # any derived value; one return for each kind
    """Return another value of the same kind, to see what changes with it; None where there is none."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, timedelta):
        return value + timedelta(seconds=1)
    if isinstance(value, str):
        return _OTHER_WORDS.get(value, f"{value}x")
    if isinstance(value, tuple):
        others = tuple(entry if (other := other_than(entry)) is None else other for entry in value)
        return others if others != value else None
    return None


def instead_of_none(derivation: Derivation) -> Any:  # noqa: ANN401  # any derived value
    """Return a value of the kind that a derivation gives where it gives one."""
    kinds = get_args(get_type_hints(derivation.function).get("return"))
    return next((_SAMPLES[kind] for kind in kinds if kind in _SAMPLES), None)


def users(before: tuple[Artifact, ...], render: Callable[[], tuple[Artifact, ...]]) -> tuple[str, ...]:
    """Return the artifacts that are other when a value is: what uses it, found by rendering again."""
    known = {artifact.path: artifact.content for artifact in before}
    after = {artifact.path: artifact.content for artifact in render()}
    return tuple(path for path in sorted({*known, *after}) if known.get(path) != after.get(path))
