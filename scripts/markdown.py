"""Tables in Markdown."""

import re
from collections.abc import Iterable, Sequence


def _cell(text: object) -> str:
    line = " ".join(str(text).split()).replace("|", "\\|")
    # Outside code an angle bracket before a word begins HTML; a line break is the one tag that is meant.
    parts = line.split("`")
    parts[::2] = [re.sub(r"<(?=[A-Za-z/])(?!br>)", "&lt;", part) for part in parts[::2]]
    return "`".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)]) + "\n"


def first_line(text: str | None) -> str:
    """Return the first line of a docstring."""
    return (text or "").strip().partition("\n")[0]
