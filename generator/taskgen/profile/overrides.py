"""Overrides from the command line: `--set tiers.high.scale.max=20`."""

from collections.abc import Sequence
from typing import Final

from taskgen.errors import Position, ProfileError, UsageError
from taskgen.profile.literals import secret_in
from taskgen.profile.nodes import Entry, Items, Keys, Node, Scalar, find
from taskgen.profile.paths import Parts, join, scan
from taskgen.profile.reading import parse

FLAG: Final = "--set"


def parse_override(text: str, below: Keys) -> Keys:
    """Return the tree that one `PATH=VALUE` stands for; its positions name the flag.

    The value is YAML: a scalar, or `[a, b]`, or `{a: 1}`; `null` removes.

    Args:
        text: what follows `--set`.
        below: the profile that the override will be merged onto.

    Raises:
        UsageError: no path, a path through a list or a single value, no value, or a value that is not YAML.
    """
    parts, value = _split(text)
    flag = f"{FLAG} {join(parts)}"
    if any(isinstance(part, int) for part in parts):
        raise UsageError(f"{flag}: an item of a list cannot be set: give the whole list, such as [a, b]")
    if parts[0] in {"extends", "name"}:
        raise UsageError(f"{flag}: {parts[0]} belongs to the file: write another profile")
    if not value.strip():
        raise UsageError(f"""{flag}: no value: write =null to remove the key, ='""' for an empty text""")
    try:
        node, problems = parse(value, flag)
    except ProfileError as error:
        raise UsageError(f"{flag}: {error.problems[0].message}") from None
    if problems:
        raise UsageError(f"{flag}: {problems[0].message}")
    if node is None:
        raise UsageError(f"{flag}: no value but a comment: put the value in quotes")
    keys = [str(part) for part in parts]
    _check_way(keys, flag, below)
    return _nest(keys, node, Position(flag, 1, 1))


def _split(text: str) -> tuple[Parts, str]:
    before = text.partition("=")[0]
    safe = "" if secret_in(text) or not before else f" {before}"
    try:
        parts, end = scan(text)
    except ValueError as error:
        raise UsageError(f"{FLAG}{safe}: {error}") from None
    if text[end : end + 1] != "=":
        raise UsageError(
            f"{FLAG}{safe}: write PATH=VALUE, such as tiers.high.scale.max=20; quote a key that holds signs"
        )
    return parts, text[end + 1 :]


def _nest(keys: Sequence[str], node: Node, position: Position) -> Keys:
    for key in reversed(keys):
        node = Keys(position, {key: Entry(position, node, (position,))})
    if not isinstance(node, Keys):
        raise TypeError("an override has at least one key")
    return node


def _check_way(parts: Sequence[str], flag: str, below: Keys) -> None:
    for length in range(1, len(parts)):
        found = find(below, tuple(parts[:length]))
        if isinstance(found, Items) or (isinstance(found, Scalar) and found.value is not None):
            what = "a list: give the whole list" if isinstance(found, Items) else "a single value: end the path there"
            raise UsageError(f"{flag}: {join(parts[:length])} is {what}")
