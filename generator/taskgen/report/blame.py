"""Which values make a line of an artifact: change some, render again, and look whether the line is still the same.

A template shows a value by its name only where it prints it directly; what went through a loop, a filter or a document
is found by experiment. Candidates are tried together and halved, so that a hundred of them cost some ten renderings.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel

from taskgen.errors import UsageError
from taskgen.plan.build import LATE_DERIVATIONS, PROFILE_DERIVATIONS, TIER_DERIVATIONS, make_plan
from taskgen.plan.derivation import Derivation
from taskgen.plan.model import Plan
from taskgen.profile.model import Profile
from taskgen.profile.paths import Parts, join, split
from taskgen.report.explanation import instead_of_none, other_than


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
        other = other_than(trail.value)
        if other is not None and (not path.startswith("tiers.") or any(path.startswith(one) for one in at)):
            found.append(Candidate(path, other))
    return sorted(found, key=lambda candidate: isinstance(candidate.other, bool))


def stated(profile: Profile, tiers: Sequence[str], target: str) -> list[Candidate]:
    """Return the values of the profile that are about some tiers, one target, or everything."""
    found = []
    for parts, value, options in _leaves(profile, ()):
        of_tier = parts[0] in {"tiers", "families"} and parts[1] not in tiers
        of_target = parts[0] == "targets" and parts[1] != target
        other = another(value, options)
        if other is not None and not (of_tier or of_target or parts[0] in _NO_CANDIDATES):
            found.append(Candidate(join(parts), other, parts))
    return found


def another(value: Any, options: Sequence[Any]) -> Any:  # noqa: ANN401  # any leaf of the profile
    """Return another value for a field: of those that the schema lists, else of the same kind."""
    return next((option for option in options if option != value), None) if options else other_than(value)


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


def with_another(profile: Profile, plan: Plan, path: str) -> Plan:
    """Return the plan with another value at a path of the plan or of the profile.

    Raises:
        UsageError: there is no other value of this kind to try.
    """
    name = path if path in plan.trails else next((at for at, one in plan.trails.items() if one.settable == path), None)
    if name is not None:
        value = plan.trails[name].value
        other = instead_of_none(_derivation(name)) if value is None else other_than(value)
        if other is None:
            raise UsageError(f"--used-by: {path} is {value}, and there is no other value to try")
        return make_plan(profile, grace_limits=plan.grace_limits, forced={name: other})
    parts = split(path)
    leaf = next((leaf for leaf in _leaves(profile, ()) if leaf[0] == parts), None)
    if leaf is None:
        raise UsageError(f"--used-by: {path} is no single value: name one below it")
    try:
        return make_plan(replaced(profile, parts, another(*leaf[1:])), grace_limits=plan.grace_limits)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise UsageError(f"--used-by: {path} has no other value to try: ask for a value that it goes into") from None


def _derivation(name: str) -> Derivation:
    leaf = name.rpartition(".")[2]
    return next(part[leaf] for part in (TIER_DERIVATIONS, LATE_DERIVATIONS, PROFILE_DERIVATIONS) if leaf in part)
