"""Loading a profile with its fragments."""

from datetime import timedelta

import pytest

from taskgen.errors import Position, ProfileError, UsageError
from taskgen.profile.files import Project
from taskgen.profile.loading import load, profile_names
from tests.support.bad_profile import GOOD
from tests.support.profiles import load_text, project


def test_profile_is_typed(tmp_path):
    """Text becomes the types of the models."""
    tier = load_text(tmp_path).profile.tiers["high"]

    assert tier.task.time_limit == timedelta(minutes=1)
    assert tier.load.peak == 5.0
    assert tier.queues == ("default",)


def test_plain_text_keeps_its_text(tmp_path):
    """A value that is text for its field is not rounded, whatever YAML takes it for."""
    values = {"A": "1.10", "B": "1e6", "C": "0o17", "D": "no", "E": "True", "F": "2026-01-01", "G": "0x1F", "H": "1_0"}
    text = ", ".join(f"{key}: {value}" for key, value in values.items())

    loaded = load_text(tmp_path, f"    env: {{{text}}}\n")

    assert loaded.profile.tiers["high"].env == values


def test_free_form_has_json_types(tmp_path):
    """Arguments of tasks are what JSON makes of them."""
    text = "schedules: {a: {task: t, every: 5m, args: [1.5, 007, True, [no]], kwargs: {x: {y: 1e2}}}}\n"

    schedule = load_text(tmp_path, text).profile.schedules["a"]

    assert schedule.args == (1.5, 7, True, ["no"])
    assert schedule.kwargs == {"x": {"y": 100.0}}
    assert [type(item) for item in schedule.args] == [float, int, bool, list]


def test_fragments_merge_left_to_right_and_the_profile_last(tmp_path):
    """The file itself has the last word, a fragment of a fragment the first."""
    base = "collapse_tiers: true\nmonitoring: {dashboards: false, log_level: DEBUG}\n"
    mine = "    priority: low\nextends: [env/dev]\nmonitoring: {log_level: ERROR}\n"

    loaded = load_text(tmp_path, mine, base=base, env__dev="extends: [base]\nmonitoring: {log_level: INFO}\n")

    assert list(loaded.inputs) == ["profiles/base.yaml", "profiles/env/dev.yaml", "profiles/bad.yaml"]
    assert loaded.profile.monitoring.log_level == "ERROR"
    assert loaded.profile.monitoring.dashboards is False
    assert loaded.profile.collapse_tiers is True
    assert loaded.profile.extends == ("env/dev",)


def test_a_fragment_that_is_reached_twice_merges_once(tmp_path):
    """The base of two fragments does not undo what the first of them changed."""
    loaded = load_text(
        tmp_path,
        "extends: [a, b]\n",
        base="collapse_tiers: true\n",
        a="extends: [base]\ncollapse_tiers: false\n",
        b="extends: [base]\n",
    )

    assert loaded.profile.collapse_tiers is False
    assert list(loaded.inputs) == [f"profiles/{name}.yaml" for name in ("base", "a", "b", "bad")]


def test_null_removes_a_tier(tmp_path):
    """A profile leaves out what its fragment brings."""
    tier = GOOD[GOOD.index("tiers:") :].replace("high", "low")

    assert set(load_text(tmp_path, "extends: [tiers]\n", tiers=tier).profile.tiers) == {"high", "low"}
    assert set(load_text(tmp_path, "  low: null\nextends: [tiers]\n", tiers=tier).profile.tiers) == {"high"}


def test_positions_survive_merges(tmp_path):
    """Each value is shown where it was written, with all places that set it."""
    loaded = load_text(
        tmp_path, "extends: [env/dev]\n", env__dev="environment: prod\nmonitoring:\n  log_level: DEBUG\n"
    )
    positions = loaded.positions

    assert positions.at("monitoring.log_level") == Position("profiles/env/dev.yaml", 3, 14)
    assert positions.chain("environment") == (
        Position("profiles/env/dev.yaml", 1, 14),
        Position("profiles/bad.yaml", 2, 14),
    )
    assert positions.at("environment") == Position("profiles/bad.yaml", 2, 14)


def test_positions_of_defaults(tmp_path):
    """What nobody wrote is shown at the nearest thing that somebody wrote."""
    positions = load_text(tmp_path).positions

    assert positions.at("tiers.high.scale.max") == Position("profiles/bad.yaml", 10, 3)
    assert positions.at("dead_letter.enabled") == Position("profiles/bad.yaml", 1, 1)
    assert not positions.is_typed("tiers.high.scale.max")
    assert positions.is_typed("tiers.high.concurrency")
    assert positions.is_typed(("tiers", "high", "queues", 0))
    assert positions.chain("tiers.high.scale") == ()
    assert positions.at("tiers.high.queues[0]") == Position("profiles/bad.yaml", 11, 14)


def test_fragments_that_come_with_taskgen(tmp_path):
    """`taskgen:` names a shipped fragment, whose own fragments are shipped as well."""
    this = project(tmp_path, bad="extends: ['taskgen:env/dev']\n" + GOOD, env__base="collapse_tiers: false\n")
    (tmp_path / "shipped/profiles/env").mkdir()
    (tmp_path / "shipped/profiles/env/dev.yaml").write_text("extends: [env/base]\n")
    (tmp_path / "shipped/profiles/env/base.yaml").write_text("collapse_tiers: true\n")

    loaded = load("bad", project=this)

    assert loaded.profile.collapse_tiers is True
    assert list(loaded.inputs) == ["taskgen:env/base.yaml", "taskgen:env/dev.yaml", "profiles/bad.yaml"]
    assert loaded.positions.at("collapse_tiers") == Position("taskgen:env/base.yaml", 1, 17)


def test_a_shipped_profile_is_found_by_its_name(tmp_path):
    """A project need not have a profile of its own; one of the same name comes first."""
    this = project(tmp_path, other=GOOD.replace("bad", "other"))
    (tmp_path / "shipped/profiles/bad.yaml").write_text(GOOD)

    assert list(load("bad", project=this).inputs) == ["taskgen:bad.yaml"]
    (tmp_path / "profiles/bad.yaml").write_text(GOOD)
    assert list(load("bad", project=this).inputs) == ["profiles/bad.yaml"]


def test_profile_names_are_the_files_at_the_top(tmp_path):
    """Fragments live in folders and are no profiles."""
    this = project(tmp_path, b=GOOD, env__dev="environment: dev\n")
    (tmp_path / "shipped/profiles/a.yaml").write_text(GOOD)

    assert [item.reference for item in profile_names(this)] == ["taskgen:a", "b"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bda", "--profile: no profile 'bda', did you mean 'bad'?"),
        ("zzz", "--profile: no profile 'zzz': `taskgen profiles` lists them"),
        ("../bad", "--profile: no profile '../bad', did you mean 'bad'?"),
        ("", "--profile: no profile '': `taskgen profiles` lists them"),
        ("env/dev", "--profile env/dev: a fragment, not a profile: it has no name of its own, extend it"),
    ],
)
def test_unknown_profile(tmp_path, name, message):
    """A name that is no profile is wrong usage, with what was probably meant."""
    this = project(tmp_path, bad=GOOD, env__dev="environment: dev\n")

    with pytest.raises(UsageError) as caught:
        load(name, project=this)

    assert str(caught.value) == message


def test_project_without_profiles(tmp_path):
    """An empty folder is no traceback."""
    with pytest.raises(UsageError, match="no profile 'bad'"):
        load("bad", project=Project(tmp_path, tmp_path))


def test_problems_of_all_files_are_reported_at_once(tmp_path):
    """Nobody mends one mistake to be shown the next: unreadable files come together, with secrets."""
    with pytest.raises(ProfileError) as caught:
        load_text(tmp_path, "extends: [a, b, c]\n", a="x: [\n", b="y: !tag z\n", c="app: {env: {PASSWORD: abc}}\n")

    assert [problem.position.file for problem in caught.value.problems] == [f"profiles/{name}.yaml" for name in "abc"]


def test_families_become_tiers(tmp_path):
    """Each value of a family is a tier, and its overrides change it."""
    family = """\
families:
  work:
    for_each: {kind: [io, cpu], size: [s, xl]}
    tier:
      queues: [default]
      concurrency: 2
      pool: threads
      task: {duration: {p50: 1s, p99: 5s}, time_limit: 1m}
      load: {rate: 1/s, peak: 5/s}
      slo: {wait: {p99: 30s}}
    overrides:
      xl: {concurrency: 8, task: {memory: 1Gi}}
      cpu: {concurrency: 1, pool: null}
"""
    loaded = load_text(tmp_path, family)
    tiers = loaded.profile.tiers

    assert list(tiers) == ["high", "work-io-s", "work-io-xl", "work-cpu-s", "work-cpu-xl"]
    assert [tiers[name].concurrency for name in list(tiers)[1:]] == [2, 8, 1, 8]
    assert tiers["work-cpu-xl"].pool is None
    assert tiers["work-cpu-xl"].task.memory == 2**30
    assert tiers["work-io-s"].pool == "threads"
    assert loaded.positions.at("tiers.work-io-xl.concurrency") == Position("profiles/bad.yaml", 27, 25)
    assert loaded.positions.at("tiers.work-io-s.concurrency") == Position("profiles/bad.yaml", 21, 20)
    assert len(loaded.positions.chain("tiers.work-cpu-xl.concurrency")) == 3
