"""Trace files: what they say, and what is said about wrong ones."""

import pytest

from taskgen.simulation.durations import SECOND
from taskgen.simulation.trace import TraceError, read_trace


def trace(tmp_path, text):
    """A trace of this text."""
    path = tmp_path / "arrivals.csv"
    path.write_text(text, encoding="utf-8")
    return read_trace(path)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("1000\n1001.5\n1003\n", id="seconds"),
        pytest.param("time\n2026-03-01T12:00:00\n2026-03-01T12:00:01.5\n2026-03-01T12:00:03\n", id="dates"),
        pytest.param("2026-03-01T12:00:00Z\n2026-03-01T13:00:01.5+01:00\n2026-03-01T12:00:03Z\n", id="time zones"),
        pytest.param("# from the load balancer\n\n0\n1.5\n3\n", id="comments and blank lines"),
        pytest.param("\ufefftime\r\n0\r\n1.5\r\n3\r\n", id="a file from a spreadsheet"),
    ],
)
def test_timestamps(tmp_path, text):
    """One task for each line, counted from the first."""
    load = trace(tmp_path, text).load(seconds=900, seed=1)

    assert load.fixed == (0, 1_500_000, 3_000_000)


def test_counts(tmp_path):
    """Each bin lasts until the next line, the last one as long as the one before; its tasks arrive within it."""
    read = trace(tmp_path, "time,count\n0,2\n60,0\n120,3\n")

    times = read.load(seconds=900, seed=1).fixed
    assert read.end == 180
    assert [time // (60 * SECOND) for time in times] == [0, 0, 2, 2, 2]
    assert list(times) == sorted(times)


def test_seed_spreads_counts(tmp_path):
    """Within a bin the seed decides, and nothing else."""
    read = trace(tmp_path, "0,5\n60,5\n")

    assert read.load(seconds=900, seed=1) == read.load(seconds=900, seed=1)
    assert read.load(seconds=900, seed=1) != read.load(seconds=900, seed=2)


def test_a_trace_can_be_cut(tmp_path):
    """Tasks after the simulated time are left out."""
    assert trace(tmp_path, "0\n10\n20\n").load(seconds=15, seed=1).fixed == (0, 10 * SECOND)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "0\n1e308\n",
            ":2: '1e308' is 1.16e+303 days after the first line: write all times in seconds, or all as dates",
            id="a number without end",
        ),
        pytest.param(
            "0\n1700000000000\n",
            ":2: '1700000000000' is 1.97e+07 days after the first line: write all times in seconds, or all as dates",
            id="two units",
        ),
        pytest.param(
            "\u0663\n", ":1: '\u0663' is no time: write seconds, or 2026-03-01T12:00:00", id="digits of another script"
        ),
        pytest.param(
            "1_000\n",
            ":1: '1_000' is no time: write seconds, or 2026-03-01T12:00:00",
            id="a number as a program writes it",
        ),
        pytest.param(
            "0," + "1" * 5000 + "\n",
            f":1: count '{'1' * 40}...' is not a whole number from 0 on",
            id="a count without end",
        ),
        pytest.param(
            "x" * 5000,
            f":1: '{'x' * 40}...' is no time: write seconds, or 2026-03-01T12:00:00",
            id="a line without end",
        ),
        pytest.param("", ": holds no arrivals: write one timestamp, or time,count, on each line", id="empty"),
        pytest.param(
            "time,count\n", ": holds no arrivals: write one timestamp, or time,count, on each line", id="head"
        ),
        pytest.param("0\nnoon\n", ":2: 'noon' is no time: write seconds, or 2026-03-01T12:00:00", id="no time"),
        pytest.param("0\nnan\n", ":2: 'nan' is no time: write seconds, or 2026-03-01T12:00:00", id="not a number"),
        pytest.param("0\ninf\n", ":2: 'inf' is no time: write seconds, or 2026-03-01T12:00:00", id="infinite"),
        pytest.param("0,5\n60,-1\n", ":2: count '-1' is not a whole number from 0 on", id="negative"),
        pytest.param("0,5\n60,1.5\n", ":2: count '1.5' is not a whole number from 0 on", id="half a task"),
        pytest.param("0,5\n60,5,7\n", ":2: 3 columns: write a timestamp, or time,count", id="columns"),
        pytest.param("0,5\n60\n", ":2: one column, line 1 differs", id="mixed"),
        pytest.param("5\n\n3\n", ":3: 3 does not come after 5 of line 1: sort the lines", id="backwards"),
        pytest.param("0,5\n0,5\n", ":2: 0 does not come after 0 of line 1: sort the lines", id="a bin without length"),
        pytest.param("0,5\n", ":1: one bin alone has no length: add a line with the time where it ends", id="one bin"),
        pytest.param("0,0\n60,0\n", ": all counts are 0: nothing would arrive", id="nothing"),
        pytest.param(
            "0,1\n60,30000000\n", ":2: more than 20000000 tasks until here: cut the trace into parts", id="huge"
        ),
        pytest.param('0\n"x\n', ":2: no CSV: unexpected end of data", id="an open quote"),
    ],
)
def test_errors_name_file_and_line(tmp_path, text, message):
    """A wrong line is named with its file, and with what to write."""
    with pytest.raises(TraceError) as error:
        trace(tmp_path, text)

    assert str(error.value) == f"{tmp_path / 'arrivals.csv'}{message}"


def test_missing_file(tmp_path):
    """A file that is not there is named."""
    with pytest.raises(TraceError, match=r"nothing\.csv: no such file or directory"):
        read_trace(tmp_path / "nothing.csv")


def test_binary_file(tmp_path):
    """A file that is no text is named with the byte."""
    (tmp_path / "a.csv").write_bytes(b"0\n\xff\xfe")

    with pytest.raises(TraceError, match=r"a\.csv: not UTF-8 at byte 2: save it as UTF-8 text"):
        read_trace(tmp_path / "a.csv")
