"""The table of faults at the end of a run: what was done to which backend, what came of it, and what the plan said.

A test hands its row to the fixture `fault_row`. It travels as a property of the test, so that it arrives from other
processes of the run as well.
"""

from collections.abc import Callable
from typing import Any

import pytest

PROPERTY = "fault"
HEADINGS = ("backend", "fault", "lost", "duplicates", "predicted", "measured")


@pytest.fixture
def fault_row(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Adds a row: tasks lost, attempts beyond those that the fault cost, seconds until work went on."""

    def add(
        backend: str,
        fault: str,
        *,
        lost: int = 0,
        duplicates: int = 0,
        predicted_s: float | None = None,
        measured_s: float | None = None,
    ) -> None:
        seconds = ["-" if value is None else f"{value:.1f} s" for value in (predicted_s, measured_s)]
        record_property(PROPERTY, [backend, fault, str(lost), str(duplicates), *seconds])

    return add


def print_faults(terminal: Any) -> None:
    """Print the table of a run, where it has rows."""
    reports = [report for kind in ("passed", "failed") for report in terminal.stats.get(kind, [])]
    # A report comes for each phase of a test; all of them carry its properties.
    found = [
        row for report in reports if report.when == "call" for name, row in report.user_properties if name == PROPERTY
    ]
    if not found:
        return
    rows = [list(HEADINGS), *sorted(found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    terminal.section("faults")
    for row in rows:
        terminal.line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
