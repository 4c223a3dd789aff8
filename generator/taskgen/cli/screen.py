"""What a person sees: colour and progress only on a terminal, errors on stderr, one line first."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
_COLOURS = {"error": "31", "warning": "33", "note": "36", "passed": "32", "failed": "31", "not run": "33", "bold": "1"}


def _coloured(stream: object) -> bool:
    return bool(getattr(stream, "isatty", lambda: False)()) and "NO_COLOR" not in os.environ


def paint(text: str, style: str) -> str:
    """Return text in the colour of a word, on a terminal."""
    code = _COLOURS.get(style)
    return f"\x1b[{code}m{text}\x1b[0m" if code and _coloured(sys.stdout) else text


def say(text: str) -> None:
    """Print a line of the answer."""
    print(text)  # noqa: T201  # the one place that prints to stdout


def tell(text: str) -> None:
    """Print a line about the answer, to stderr."""
    print(text, file=sys.stderr)  # noqa: T201  # the one place that prints to stderr


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def progress(items: Iterable[T], *, label: str, total: int) -> Iterator[T]:
    """Yield the items, with a line on the terminal that says how far it is; nothing elsewhere."""
    shown = sys.stderr.isatty() and total > 1
    for number, item in enumerate(items, 1):
        if shown:
            sys.stderr.write(f"\r\x1b[K{label} [{number}/{total}] {item}")
            sys.stderr.flush()
        yield item
    if shown:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
