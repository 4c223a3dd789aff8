"""Families of tiers: each member becomes a tier named `<family>-<value>`, with its positions inside the family."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from taskgen.errors import Problem
from taskgen.profile.merging import is_null, merge, settle
from taskgen.profile.nodes import Entry, Items, Keys, Node, Scalar, child, find
from taskgen.profile.paths import Parts, join
from taskgen.profile.wording import listed, shown, suggestion

MOST_MEMBERS: Final = 200
"""Members of one family: more tiers than the largest fleet seen (63)."""

Members = dict[str, tuple[str, ...]]
"""Tier -> family and the values that make it, in the order of the dimensions."""


def expand(root: Keys) -> tuple[Keys, Members, list[Problem]]:
    """Add the members of every well-formed family to `tiers`; what is malformed is left to the schema.

    A member is the family's `tier`, then the overrides of its values in the order of the dimensions.
    """
    families = child(root, "families")
    tiers = root.entries.get("tiers")
    if not isinstance(families, Keys) or not (tiers is None or isinstance(tiers.value, Keys)):
        return root, {}, []
    entries = dict(tiers.value.entries) if tiers is not None and isinstance(tiers.value, Keys) else {}
    members: Members = {}
    problems: list[Problem] = []
    for family, entry in families.entries.items():
        dimensions = _dimensions(entry.value)
        if dimensions is None:
            continue
        problems += _wrong_values(family, entry.value, dimensions)
        if _count(dimensions) > MOST_MEMBERS:
            problems.append(
                Problem(
                    entry.key,
                    join(("families", family)),
                    f"more than {MOST_MEMBERS} tiers: split it, or drop a dimension",
                )
            )
            continue
        for values in itertools.product(*(dict.fromkeys(each) for each in dimensions.values())):
            name = "-".join((family, *values))
            if name in entries:
                problems.append(_collision(name, family, entries[name], members))
            entries[name] = _member(entry, values)
            members[name] = (family, *values)
    if not members:
        return root, members, problems
    # Without tiers of its own, a profile's `tiers` stand where its families do.
    holder = tiers or root.entries["families"]
    expanded = replace(holder, value=Keys(holder.value.position, entries))
    return Keys(root.position, {**root.entries, "tiers": expanded}), members, problems


def origin(root: Keys, members: Members, parts: Parts) -> Parts:
    """Return where a path into a member of a family was written: under `overrides` of a value, or under `tier`."""
    match parts:
        case ("tiers", str(name), *rest) if name in members:
            family, *values = members[name]
            for value in reversed(values):
                place: Parts = ("families", family, "overrides", value, *rest)
                if rest and find(root, place) is not None:
                    return place
            return ("families", family, "tier", *rest) if rest else ("families", family)
        case _:
            return parts


def _dimensions(family: Node) -> dict[str, list[str]] | None:
    """Return the values of each dimension, None when the family is not well-formed."""
    for_each, tier = child(family, "for_each"), child(family, "tier")
    if not isinstance(for_each, Keys) or not for_each.entries or not isinstance(tier, Keys):
        return None
    dimensions: dict[str, list[str]] = {}
    for dimension, entry in for_each.entries.items():
        if not isinstance(entry.value, Items) or not entry.value.nodes:
            return None
        texts = [node.text for node in entry.value.nodes if isinstance(node, Scalar) and isinstance(node.value, str)]
        if len(texts) != len(entry.value.nodes):
            return None
        dimensions[dimension] = texts
    return dimensions


def _count(dimensions: dict[str, list[str]]) -> int:
    count = 1
    for values in dimensions.values():
        count *= len(values)
    return count


def _wrong_values(family: str, node: Node, dimensions: dict[str, list[str]]) -> list[Problem]:
    """Refuse values that stand twice, and overrides of values that do not exist."""
    problems: list[Problem] = []
    seen: set[str] = set()
    for dimension, values in dimensions.items():
        for index, value in enumerate(values):
            if value in seen:
                path: Parts = ("families", family, "for_each", dimension, index)
                item = find(node, path[2:])
                if item is not None:
                    problems.append(
                        Problem(
                            item.position, join(path), f"{shown(value)} stands twice in for_each: rename or remove one"
                        )
                    )
            seen.add(value)
    overrides = child(node, "overrides")
    if isinstance(overrides, Keys):
        for value, entry in overrides.entries.items():
            if value not in seen:
                hint = suggestion(value, seen, otherwise=f": use {listed(sorted(seen))}")
                path = ("families", family, "overrides", value)
                problems.append(Problem(entry.key, join(path), f"no value of for_each has this name{hint}"))
    return problems


def _collision(name: str, family: str, tier: Entry, members: Members) -> Problem:
    if name in members:
        return Problem(
            tier.key, join(("families", family)), f"two members are called {shown(name)}: rename a value or a family"
        )
    return Problem(
        tier.key,
        join(("tiers", name)),
        f"the family {shown(family)} makes a tier of this name: move it to families.{family}.overrides, or rename it",
    )


def _member(family: Entry, values: Sequence[str]) -> Entry:
    tier, overrides = child(family.value, "tier"), child(family.value, "overrides")
    if not isinstance(tier, Keys):
        raise TypeError("a family is expanded only when its tier is a mapping")
    for value in values:
        override = child(overrides, value) if overrides is not None else None
        if isinstance(override, Keys) and not is_null(override):
            tier = merge(tier, override)
    return replace(family, value=settle(tier))
