"""The table of faults at the end of a run: what was done to which backend, what came of it, and what the plan said.

A test hands its row to the fixture `fault_row`. It travels as a property of the test, so that it arrives from other
processes of the run as well, and also where the test fails: a row is noted before it is judged.
"""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.support.journal import Counts

PROPERTY = "fault"
SOURCE = "fault test"
"""Property of each test that has a row to give, so that one that was skipped is named."""
HEADINGS = ("backend", "fault", "tasks", "lost", "again", "allowed", "predicted", "measured")
BACKENDS = ("celery", "temporal", "hatchet")


@pytest.fixture
def fault_row(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Notes a row, and then judges it: no task lost, no more executions again than the fault may cost.

    Seconds are those from the fault until work went on, or until a worker that was stopped had ended.
    """

    def add(
        backend: str,
        fault: str,
        counts: Counts | None = None,
        *,
        allowed: int = 0,
        predicted_s: float | None = None,
        measured_s: float | None = None,
    ) -> None:
        counted = ["-"] * 4 if counts is None else [*map(str, counts), str(allowed)]
        seconds = ["-" if value is None else f"{value:.1f} s" for value in (predicted_s, measured_s)]
        record_property(PROPERTY, [backend, fault, *counted, *seconds])
        if counts is not None:
            assert counts.lost == 0, f"{counts.lost} of {counts.tasks} tasks lost"
            assert counts.again <= allowed, f"{counts.again} executions again, {allowed} allowed"

    return add


def mark_source(item: pytest.Item) -> None:
    """Note on a test that gives a row what it is about, for the case that it is not run."""
    if "fault_row" in getattr(item, "fixturenames", ()):
        backend = next((name for name in BACKENDS if name in item.nodeid), "")
        item.user_properties.append((SOURCE, [backend, item.name.removeprefix("test_").replace("_", " ")]))


def rows_of(reports: Iterable[Any]) -> list[list[str]]:
    """Rows of the tests that ran and the names of those that did not, sorted by backend and fault."""
    rows: list[list[str]] = []
    for report in reports:
        # A report comes for each phase of a test; all of them carry its properties.
        if report.outcome == "skipped":
            rows += [[*row, "not run"] for name, row in report.user_properties if name == SOURCE]
        elif report.when == "call":
            rows += [list(row) for name, row in report.user_properties if name == PROPERTY]
    return sorted(rows)


def print_faults(terminal: Any) -> None:
    """Print the table of a run, where it has rows."""
    found = rows_of(report for kind in ("passed", "failed", "skipped") for report in terminal.stats.get(kind, []))
    if not found:
        return
    rows = [list(HEADINGS), *found]
    widths = [max(len(row[column]) for row in rows if len(row) > column) for column in range(len(HEADINGS))]
    terminal.section("faults")
    for row in rows:
        terminal.line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip())
