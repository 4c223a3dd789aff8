"""`taskgen simulate` as its users run it."""

import json
import xml.etree.ElementTree as ET

import pytest

from tests.support.command import taskgen

SHORT = ("simulate", "--profile", "prod-celery", "--tier", "file", "--hours", "0.3", "--runs", "2")


def figures(done, setting=0):
    """The figures of the tier in an answer for a machine."""
    return json.loads(done.stdout)["settings"][setting]["tiers"]["file"]["figures"]


def test_text_shows_the_table_and_the_trade_off():
    """A person sees the goal, the figures, and what the choice of signals costs."""
    done = taskgen(*SHORT, check=True)

    assert done.stdout.startswith("prod-celery: 0.3 h, load.rate, a step to load.peak for half of the time, load.rate")
    assert "p99 1m" in done.stdout
    assert "  waiting alone        p99 wait " in done.stdout
    assert "  waiting + in flight  p99 wait " in done.stdout
    assert "cost: USD 0.04048 a vCPU-hour" in done.stdout
    assert done.stderr == ""


def test_all_tiers_of_a_profile():
    """Without --tier each tier has its line, also one that nothing scales."""
    done = taskgen("simulate", "--profile", "prod-celery", "--hours", "0.1", "--runs", "1", check=True)

    assert {"api", "high", "callback", "file", "medium", "low"} <= {
        line.split(" ")[0] for line in done.stdout.split("\n")
    }
    assert "2.0 fixed" in done.stdout


def test_json_carries_everything():
    """Figures have their spread over the seeds; the series has one list for each quantity."""
    done = taskgen(*SHORT, "-o", "json", check=True)

    answer = json.loads(done.stdout)
    tier = answer["settings"][0]["tiers"]["file"]
    assert answer["load"] == {"what": "step", "hours": 0.3, "seeds": [1, 2]}
    assert tier["goal"] == {"quantile": 0.99, "wait_s": 60.0, "kept": True}
    assert tier["figures"]["tasks"]["least"] <= tier["figures"]["tasks"]["mean"] <= tier["figures"]["tasks"]["most"]
    assert set(tier["trade_off"]) == {"waiting", "waiting_and_in_flight"}
    assert len({len(values) for values in tier["series"].values()}) == 1


def test_same_command_same_bytes():
    """The answer is a function of the input."""
    first, second = (taskgen(*SHORT, "-o", "json", check=True).stdout for _ in range(2))

    assert first == second


def test_another_seed_is_another_run():
    """--seed decides the chance."""
    first, second = (figures(taskgen(*SHORT, "--seed", seed, "-o", "json", check=True)) for seed in ("1", "7"))

    assert first["tasks"] != second["tasks"]


def test_set_changes_the_answer():
    """--set overrides the profile, as everywhere."""
    base, small = (
        figures(taskgen(*SHORT, *more, "-o", "json", check=True)) for more in ([], ["--set", "tiers.file.scale.max=5"])
    )

    assert small["replicas_max"]["most"] <= 5 < base["replicas_max"]["most"]
    assert small["tasks"] == base["tasks"]


@pytest.mark.parametrize(
    ("compare", "name"),
    [
        pytest.param(["tiers.file.scale.max=5"], "prod-celery, tiers.file.scale.max=5", id="another value"),
        pytest.param(["prod-temporal"], "prod-temporal", id="another profile"),
    ],
)
def test_compare_shows_two_settings(compare, name):
    """Both have their line, and the difference is named."""
    done = taskgen(*SHORT, *(word for one in compare for word in ("--compare", one)), check=True)

    rows = [line for line in done.stdout.splitlines() if line.startswith("file  ")]
    assert len(rows) == 2
    assert rows[1].startswith(f"file  {name}")
    assert f"\nprod-celery -> {name}:\n  file: " in done.stdout


def test_trace_is_replayed(tmp_path):
    """The tasks of a file arrive when the file says."""
    trace = tmp_path / "monday.csv"
    trace.write_text("time,count\n0,60\n60,600\n120,60\n")

    done = taskgen(
        "simulate", "--profile", "prod-celery", "--tier", "file", "--trace", str(trace), "-o", "json", check=True
    )

    assert json.loads(done.stdout)["load"]["what"] == "trace"
    assert figures(done)["tasks"] == {"mean": 720.0, "least": 720, "most": 720}


def test_picture_is_written(tmp_path):
    """One SVG for each tier, the same bytes each time, and nothing else."""
    found = []
    for name in ("first", "second"):
        done = taskgen(*SHORT, "--picture", str(tmp_path / name), check=True)
        (path,) = (tmp_path / name).iterdir()
        assert f"wrote {path}" in done.stdout
        assert path.name == "prod-celery-file.svg"
        found.append(path.read_bytes())

    assert found[0] == found[1]
    assert ET.fromstring(found[0]).tag.endswith("svg")  # noqa: S314  # our own bytes


def test_check_fails_when_a_goal_is_missed():
    """--check is for CI: exit 1, with the table."""
    done = taskgen(*SHORT, "--set", "tiers.file.scale.max=4", "--check")

    assert done.returncode == 1
    assert "missed" in done.stdout


def test_what_goes_wrong_is_seen():
    """Crashes and an unreadable queue change the figures."""
    trouble = ("--crash", "12m", "--crash", "13m", "--blind", "5m+2m", "--failing", "1%")

    done = taskgen(*SHORT, *trouble, "-o", "json", check=True)

    assert figures(done)["interrupted"]["least"] >= 1
    assert figures(done)["redelivered"] == figures(done)["interrupted"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        pytest.param(["--tier", "fil"], "--tier fil: profile prod-celery has the tiers api, high", id="tier"),
        pytest.param(["--what", "night"], "--what night: constant, step or day", id="pattern"),
        pytest.param(["--hours", "0"], "--hours 0: from 0.01 to 744", id="hours"),
        pytest.param(["--hours", "nan"], "--hours nan: from 0.01 to 744", id="hours are no number"),
        pytest.param(["--runs", "-1"], "--runs -1: from 1 to 100", id="runs"),
        pytest.param(["--failing", "2"], "--failing 2: ", id="share without percent"),
        pytest.param(["--blind", "1h"], "--blind 1h: write start and length, such as 1h+10m", id="blind"),
        pytest.param(["--crash", "soon"], "--crash 'soon' is not a duration", id="crash"),
        pytest.param(["--trace", "nothing.csv"], "nothing.csv: no such file or directory", id="no trace"),
        pytest.param(["--prices", "nothing.toml"], "--prices nothing.toml: no such file", id="no prices"),
        pytest.param(["--crash", "4h"], "--crash: 4 h is after the end, 3 h", id="crash that never happens"),
        pytest.param(["--blind", "3h+1m"], "--blind: 3 h is after the end, 3 h", id="blindness that never happens"),
        pytest.param(["--picture", "README.md"], "--picture README.md: file exists: name a folder", id="no folder"),
        pytest.param(["--compare", "prod-celry"], "--compare: no profile 'prod-celry'", id="a profile nearly right"),
        pytest.param(
            ["--compare", "tiers.file.scale.max=many"],
            "--compare tiers.file.scale.max: must be a whole number",
            id="another value that is none",
        ),
        pytest.param(["--hours", "700", "--runs", "100"], "million tasks take too long", id="too much"),
        pytest.param(["-o", "xml"], "--output xml: text or json", id="format"),
    ],
)
def test_wrong_usage(flags, message):
    """Wrong usage names the flag and says what to do, without a traceback."""
    done = taskgen("simulate", "--profile", "prod-celery", *flags)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_trace_of_a_profile_with_several_tiers(tmp_path):
    """A trace belongs to one tier."""
    trace = tmp_path / "a.csv"
    trace.write_text("0\n1\n")

    done = taskgen("simulate", "--profile", "prod-celery", "--trace", str(trace))

    assert done.returncode == 2
    assert "--trace holds the tasks of one tier: name it with --tier" in done.stderr


def test_error_of_a_trace_names_file_and_line(tmp_path):
    """A wrong line is found by its number."""
    trace = tmp_path / "a.csv"
    trace.write_text("time,count\n0,5\n60,many\n")

    done = taskgen("simulate", "--profile", "prod-celery", "--tier", "file", "--trace", str(trace))

    assert done.returncode == 2
    assert f"{trace}:3: count 'many' is not a whole number from 0 on" in done.stderr


def test_help_has_an_example():
    """The command explains itself with an example."""
    done = taskgen("simulate", "--help", check=True)

    assert "taskgen simulate --profile prod-celery --tier file --trace monday.csv" in done.stdout
