"""Paths into a profile: `tiers.high.scale.max`, `tasks."docflow.export_*".time_limit`, `tiers.high.queues[0]`."""

import json
import re
from collections.abc import Sequence
from typing import Final

from taskgen.profile.wording import shown_key

Parts = tuple[str | int, ...]
"""A path taken apart: keys of mappings and indexes of lists."""

_STEP: Final = re.compile(
    r"""(?:(?P<double>"(?:[^"\\]|\\.)*")|'(?P<single>[^']*)'|(?P<bare>[^."'\[\]=\s]+))|\[(?P<index>\d{1,9})\]"""
)


def join(parts: Sequence[str | int]) -> str:
    """Write a path as people read it; keys that hold dots stand in quotes."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{shown_key(part)}"
    return text


def split(text: str) -> Parts:
    """Take a path apart.

    Raises:
        ValueError: an empty step, an unclosed quote or bracket.
    """
    parts, end = scan(text)
    if end != len(text):
        raise ValueError(
            f"not a path at character {end + 1}: write keys with dots between, quote a key that holds dots"
        )
    return parts


def scan(text: str) -> tuple[Parts, int]:
    """Read the longest path that a text begins with; return it and where it ends.

    Raises:
        ValueError: the text begins with no path, or a step is missing after a dot.
    """
    parts: list[str | int] = []
    position = 0
    while True:
        match = _STEP.match(text, position)
        if match is None or (match["index"] and not parts):
            raise ValueError(
                f"a key is missing at character {position + 1}: quote a key that holds dots or other signs"
            )
        parts.append(_part(match))
        position = match.end()
        if text[position : position + 1] == ".":
            position += 1
        elif text[position : position + 1] != "[":
            return tuple(parts), position


def _part(match: re.Match[str]) -> str | int:
    if match["index"]:
        return int(match["index"])
    if match["double"]:
        return str(json.loads(match["double"]))
    return match["single"] if match["single"] is not None else match["bare"]
