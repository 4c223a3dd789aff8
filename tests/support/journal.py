"""What tasks note of themselves: each attempt leaves a line in a file when it begins, so that executions are counted.

A line is `start NAME TIME`, perhaps with more behind it; NAME tells the tasks of a file apart, TIME is a Unix time.
"""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from task_abstraction import ResultTimeout, TaskBackend, TaskNotFound

OUTCOME_S = 90.0


class Counts(NamedTuple):
    """What became of some tasks."""

    tasks: int
    lost: int
    """without an outcome, or with one although they never began"""
    again: int
    """executions beyond the first of each task"""


def starts(place: Path) -> list[float]:
    """Unix times at which attempts began."""
    return [float(line[2]) for line in _lines(place)]


def count(place: Path, backend: TaskBackend, ids: Sequence[str], timeout_s: float = OUTCOME_S) -> Counts:
    """Wait until every task has an outcome, as long as the time lasts, and count without judging."""
    until = time.monotonic() + timeout_s
    lost = sum(not _has_outcome(backend, task_id, until) for task_id in ids)
    begun = [line[1] for line in _lines(place)]
    return Counts(len(ids), max(lost, len(ids) - len(set(begun))), len(begun) - len(set(begun)))


def _has_outcome(backend: TaskBackend, task_id: str, until: float) -> bool:
    with contextlib.suppress(ResultTimeout, TaskNotFound):
        return backend.get_result(task_id, timeout=max(0.1, until - time.monotonic())).is_finished
    return False


def _lines(place: Path) -> list[list[str]]:
    lines = place.read_text().splitlines() if place.exists() else []
    return [line.split() for line in lines if line.startswith("start")]
