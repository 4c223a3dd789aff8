"""The table of faults: rows of all processes of a run, each once, also of tests that failed or were not run."""

from types import SimpleNamespace

import pytest

from tests.support.fault_table import HEADINGS, PROPERTY, SOURCE, print_faults, rows_of
from tests.support.journal import Counts

ROW = ["temporal", "kill -9 of a worker", "1", "0", "1", "1", "4.0 s", "3.0 s"]


def report(outcome="passed", when="call", *properties):
    """A report of pytest, as it arrives from another process."""
    return SimpleNamespace(outcome=outcome, when=when, user_properties=[list(one) for one in properties])


class Terminal:
    """What is printed."""

    def __init__(self, **stats):
        self.stats, self.lines = stats, []

    def section(self, title):
        """A heading."""
        self.lines.append(title)

    def line(self, text):
        """A line."""
        self.lines.append(text)


def test_each_row_is_there_once_and_sorted():
    """All phases of a test carry its properties; a failed one is told as well."""
    first = ["celery, redis", *ROW[1:]]
    phases = [report("passed", when, (PROPERTY, ROW)) for when in ("setup", "call", "teardown")]
    assert rows_of([*phases, report("failed", "call", (PROPERTY, first))]) == [first, ROW]


def test_what_was_not_run_is_said():
    """A skipped test has no row: its name stands there with the words; a test that ran is not named so."""
    source = (SOURCE, ["hatchet", "a killed worker"])
    ran, skipped = report("passed", "call", source, (PROPERTY, ROW)), report("skipped", "setup", source)
    terminal = Terminal(passed=[ran], skipped=[skipped])
    print_faults(terminal)
    assert terminal.lines[0] == "faults"
    assert terminal.lines[1].split() == list(HEADINGS)
    assert terminal.lines[2].split("  ")[0] == "hatchet"
    assert terminal.lines[2].endswith("  not run")
    assert len(terminal.lines) == 4


@pytest.mark.parametrize(
    ("counts", "message"), [(Counts(8, 1, 0), "1 of 8 tasks lost"), (Counts(8, 0, 2), "2 executions again, 1 allowed")]
)
def test_a_row_is_noted_before_it_is_judged(counts, message, fault_row, request):
    """A run that loses work shows its figures."""
    with pytest.raises(AssertionError, match=message):
        fault_row("temporal", "a fault", counts, allowed=1)
    (noted,) = [row for name, row in request.node.user_properties if name == PROPERTY]
    assert noted == ["temporal", "a fault", *map(str, counts), "1", "-", "-"]
    request.node.user_properties.clear()  # it is no fault of this run
