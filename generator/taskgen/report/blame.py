"""Which values make a line of an artifact: change some, render again, and look whether the line is still the same.

A template shows a value by its name only where it prints it directly; what went through a loop, a filter or a document
is found by experiment. Candidates are tried together and halved, so that a hundred of them cost some ten renderings.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel

from taskgen.plan.model import Plan
from taskgen.profile.model import Profile
from taskgen.profile.paths import Parts, join
from taskgen.report.explanation import other_than


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value that may make the line, and another one in its place."""

    path: str
    other: Any
    parts: Parts | None = None
    """where it stands in the profile; None for a derived value"""


_NO_CANDIDATES: Final = frozenset({"name", "extends", "waivers", "collapse_tiers", "output", "prices"})
"""Fields that make no line, or all of them."""

Render = Callable[[Sequence[Candidate]], Sequence[str] | None]
"""Lines of the artifact with other values; None where they do not go together."""


def blamed(candidates: Sequence[Candidate], render: Render, before: Sequence[str], number: int) -> list[Candidate]:
    """Return the candidates that change a line.

    Args:
        candidates: what is tried.
        render: renders the artifact with the other values of some.
        before: the artifact's lines as they are.
        number: the line's index.
    """
    if not candidates:
        return []
    after = render(candidates)
    if after is not None and len(after) == len(before):
        if after[number] == before[number]:
            return []
        if len(candidates) == 1:
            return list(candidates)
    elif len(candidates) == 1:
        # Lines came or went: this one is its work when it is nowhere any more.
        return list(candidates) if after is not None and before[number] not in after else []
    half = len(candidates) // 2
    return [found for part in (candidates[:half], candidates[half:]) for found in blamed(part, render, before, number)]


def nearest(found: Sequence[Candidate], plan: Plan) -> list[Candidate]:
    """Return those that are no input of another one: the last step before the line."""
    upstream: set[str] = set()
    waiting = [candidate.path for candidate in found]
    while waiting:
        trail = plan.trails.get(waiting.pop())
        inputs = {entry.path for entry in trail.inputs} - upstream if trail else set()
        upstream |= inputs
        waiting += inputs
    return [candidate for candidate in found if candidate.path not in upstream]


def derived(plan: Plan, tiers: Sequence[str]) -> list[Candidate]:
    """Return the derived values of some tiers and of the whole profile, those that say yes or no last."""
    at = [f"tiers.{tier}." for tier in tiers]
    found = []
    for path, trail in plan.trails.items():
        other = _longer(trail.value)
        if other is not None and (not path.startswith("tiers.") or any(path.startswith(one) for one in at)):
            found.append(Candidate(path, other))
    return sorted(found, key=lambda candidate: isinstance(candidate.other, bool))


def _longer(value: Any) -> Any:  # noqa: ANN401  # any derived value
    """Return another value that takes as many lines: of a list every entry differs."""
    if not isinstance(value, tuple):
        return other_than(value)
    others = tuple(entry if (other := _longer(entry)) is None else other for entry in value)
    return others if others != value else None


def stated(profile: Profile, tiers: Sequence[str], target: str) -> list[Candidate]:
    """Return the values of the profile that are about some tiers, one target, or everything."""
    found = []
    for parts, value, options in _leaves(profile, ()):
        of_tier = parts[0] in {"tiers", "families"} and parts[1] not in tiers
        of_target = parts[0] == "targets" and parts[1] != target
        other = next((option for option in options if option != value), None) if options else _other(value)
        if other is not None and not (of_tier or of_target or parts[0] in _NO_CANDIDATES):
            found.append(Candidate(join(parts), other, parts))
    return found


def _other(value: Any) -> Any:  # noqa: ANN401  # any leaf of the profile
    return f"{value}x" if isinstance(value, str) else other_than(value)


def _leaves(value: Any, at: Parts, options: tuple[Any, ...] = ()) -> Iterator[tuple[Parts, Any, tuple[Any, ...]]]:  # noqa: ANN401  # any part of the profile
    """Yield place, value and, where the schema lists them, the possible values of everything below."""
    if isinstance(value, BaseModel):
        for key, field in type(value).model_fields.items():
            listed = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
            yield from _leaves(getattr(value, key), (*at, key), listed)
    elif isinstance(value, Mapping):
        for key, below in value.items():
            yield from _leaves(below, (*at, key))
    elif isinstance(value, tuple):
        for index, below in enumerate(value):
            yield from _leaves(below, (*at, index))
    elif value is not None:
        yield at, value, options


def replaced(value: Any, parts: Parts, other: Any) -> Any:  # noqa: ANN401  # any part of the profile
    """Return a copy of a part of the profile with another value at a place; nothing is validated."""
    if not parts:
        return other
    first, *rest = parts
    if isinstance(value, BaseModel):
        name = str(first)
        return value.model_copy(update={name: replaced(getattr(value, name), tuple(rest), other)})
    if isinstance(value, Mapping):
        return {**value, first: replaced(value[first], tuple(rest), other)}
    index = int(first)
    return (*value[:index], replaced(value[index], tuple(rest), other), *value[index + 1 :])
