"""A trace file: when tasks arrived in reality, as CSV of timestamps or of counts."""

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final

from taskgen.errors import TaskgenError
from taskgen.simulation.arrivals import Load, Piece, spread
from taskgen.simulation.durations import SECOND

MOST_TASKS: Final = 20_000_000
"""Tasks in one trace: more is a typing mistake, or should be cut into days."""
LONGEST_S: Final = 366 * 86_400.0
"""From the first line to the last: more is a mixture of units."""
_SECONDS: Final = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?", re.ASCII)
_SHOWN: Final = 40
_DIGITS: Final = 15
"""Of a count: more are no number of tasks."""


class TraceError(TaskgenError):
    """A trace that cannot be read; names file and line."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Trace:
    """Arrivals of a file; times in seconds since its first line."""

    bins: tuple[tuple[float, float, int], ...]
    """start, end and number of tasks; a timestamp is a bin without length"""

    @property
    def end(self) -> float:
        """When the last bin ends."""
        return max(end for _, end, _ in self.bins)

    @property
    def tasks(self) -> int:
        """How many tasks arrived."""
        return sum(count for _, _, count in self.bins)

    def load(self, *, seconds: float, seed: int) -> Load:
        """Return the arrivals of the first seconds; within a bin the seed decides."""
        times = spread(self.bins, Random(f"{seed}:trace"))  # noqa: S311  # a model, not a secret
        return Load((Piece(seconds, 0.0),), tuple(time for time in times if time < seconds * SECOND))


def read_trace(path: Path) -> Trace:
    """Read a CSV file: one column of timestamps (one task each), or `time,count` (a bin until the next line's time).

    Times are seconds, or dates such as 2026-03-01T12:00:00; a first line with names of columns is skipped.

    Raises:
        TraceError: the file cannot be read, or a line has no meaning.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(_rows(path, file.read().splitlines()))
    except OSError as error:
        raise TraceError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise TraceError(f"{path}: not UTF-8 at byte {error.start}: save it as UTF-8 text") from error
    if not rows:
        raise TraceError(f"{path}: holds no arrivals: write one timestamp, or time,count, on each line")
    trace = _binned(path, rows)
    if not trace.tasks:
        raise TraceError(f"{path}: all counts are 0: nothing would arrive")
    return trace


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    text: str
    time: float
    count: int | None
    """None: a timestamp"""


def _rows(path: Path, lines: list[str]) -> Iterator[_Row]:
    """Yield the lines that hold data; all have the same columns, and times never fall."""
    before: _Row | None = None
    first, total = 0.0, 0
    for number, line in enumerate(lines, 1):
        cells = _cells(f"{path}:{number}", line)
        if not any(cells) or cells[0].startswith("#") or (before is None and _is_header(cells)):
            continue
        row = _row(f"{path}:{number}", number, cells)
        if before is not None:
            _follows(f"{path}:{number}", row, before)
            if row.time - first > LONGEST_S:
                what = f"{_short(row.text)} is {(row.time - first) / 86_400:.3g} days after the first line"
                raise TraceError(f"{path}:{number}: {what}: write all times in seconds, or all as dates")
        else:
            first = row.time
        total += 1 if row.count is None else row.count
        if total > MOST_TASKS:
            raise TraceError(f"{path}:{number}: more than {MOST_TASKS} tasks until here: cut the trace into parts")
        before = row
        yield row


def _cells(place: str, line: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], strict=True), [])]
    except csv.Error as error:
        raise TraceError(f"{place}: no CSV: {error}") from error


def _is_header(cells: list[str]) -> bool:
    return cells[0].lower() in ("time", "timestamp", "date", "datetime", "at")


def _row(place: str, number: int, cells: list[str]) -> _Row:
    if len(cells) > 2:  # noqa: PLR2004  # time and count
        raise TraceError(f"{place}: {len(cells)} columns: write a timestamp, or time,count")
    count = None
    if len(cells) > 1:
        if not cells[1].isascii() or not cells[1].isdigit() or len(cells[1]) > _DIGITS:
            raise TraceError(f"{place}: count {_short(cells[1])} is not a whole number from 0 on")
        count = int(cells[1])
    return _Row(number, cells[0], _time(place, cells[0]), count)


def _time(place: str, text: str) -> float:
    """Return a time in seconds; a date without zone counts as UTC."""
    try:
        moment = None if _SECONDS.fullmatch(text) else datetime.fromisoformat(text)
    except ValueError:
        raise TraceError(f"{place}: {_short(text)} is no time: write seconds, or 2026-03-01T12:00:00") from None
    if moment is not None:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    seconds = float(text)
    if not math.isfinite(seconds):
        raise TraceError(f"{place}: {_short(text)} is no time: write seconds, or 2026-03-01T12:00:00")
    return seconds


def _short(text: str) -> str:
    """Return a text for a message: what is long is no time anyway."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _follows(place: str, row: _Row, before: _Row) -> None:
    if (row.count is None) != (before.count is None):
        raise TraceError(f"{place}: {'one column' if row.count is None else 'two columns'}, line {before.line} differs")
    if row.time < before.time or (row.count is not None and row.time == before.time):
        raise TraceError(f"{place}: {row.text} does not come after {before.text} of line {before.line}: sort the lines")


def _binned(path: Path, rows: list[_Row]) -> Trace:
    first = rows[0].time
    if rows[0].count is None:
        return Trace(tuple((row.time - first, row.time - first, 1) for row in rows))
    if len(rows) == 1:
        raise TraceError(f"{path}:{rows[0].line}: one bin alone has no length: add a line with the time where it ends")
    lengths = [later.time - row.time for row, later in pairwise(rows)]
    lengths.append(lengths[-1])  # the last bin is as long as the one before
    return Trace(
        tuple(
            (row.time - first, row.time - first + length, row.count or 0)
            for row, length in zip(rows, lengths, strict=True)
        )
    )
