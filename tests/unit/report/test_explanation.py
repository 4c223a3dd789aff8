"""Where values come from, and what depends on them."""

import pytest

from taskgen import pipeline
from taskgen.errors import UsageError
from taskgen.profile.files import Project
from taskgen.profile.loading import profile_names
from taskgen.report.explanation import explain
from tests.support.command import ROOT, taskgen

PROJECT = Project(ROOT)


@pytest.fixture(scope="module")
def this():
    """The shipped profile prod-celery, checked."""
    return pipeline.checked("prod-celery", project=PROJECT)


def explained(this, path):
    """Explain a value of a checked profile."""
    return explain(this.plan, this.loaded.positions, path)


def test_typed_value_names_every_fragment_that_set_it(this):
    """The chain lists each place in merge order; the last one won."""
    found = explained(this, "tiers.file.load.rate")

    assert (found.kind, found.value) == ("typed", "2/s")
    assert [position.file for position in found.chain] == ["profiles/tiers/pipeline.yaml", "profiles/size/medium.yaml"]


def test_derived_value_names_formula_and_inputs(this):
    """Formula, source and inputs with their places."""
    found = explained(this, "tiers.file.grace")

    assert (found.kind, found.value) == ("derived", "5m15s")
    assert "time_limit" in found.formula
    limit = next(cause for cause in found.causes if cause.name == "time_limit")
    assert (limit.value, limit.position.file) == ("5m", "profiles/tiers/pipeline.yaml")


def test_value_is_found_where_it_can_be_set(this):
    """The path in the profile leads to the derivation that it would replace."""
    assert explained(this, "tiers.file.scale.max").formula == explained(this, "tiers.file.max_replicas").formula


def test_typed_value_over_a_derived_one_shows_both():
    """A value set by hand keeps what the formula would give beside it."""
    this = pipeline.checked("prod-celery", project=PROJECT, overrides=["tiers.file.scale.max=40"])
    found = explained(this, "tiers.file.max_replicas")

    assert (found.kind, found.value, found.derived) == ("typed over a derived value", "40", "16")


def test_value_of_the_whole_profile_lists_its_tiers(this):
    """A formula over all tiers shows what each of them brings."""
    names = [cause.name for cause in explained(this, "visibility_timeout").causes]

    assert {"low.time_limit", "low.eta", "api.time_limit"} <= set(names)


def test_default_says_so(this):
    """A value that nobody states is a default of the schema."""
    assert explained(this, "dead_letter.enabled").kind == "default"


def test_defaults_are_shown(this):
    """A mapping of which nothing is stated shows what holds."""
    assert "vcpu_hour: 0.04" in explained(this, "prices").value


def test_what_depends_on_a_value(this):
    """The derived values that a fact goes into are named."""
    assert "tiers.file.slots_for_goal" in explained(this, "tiers.file.load.rate").feeds


@pytest.mark.parametrize("path", ["tiers.file.grce", "nothing", "tiers..x", ""])
def test_unknown_value_is_refused(this, path):
    """A path that leads nowhere is wrong usage."""
    with pytest.raises(UsageError):
        explained(this, path)


@pytest.mark.parametrize("profile", [source.name for source in profile_names(PROJECT)])
def test_every_derived_value_can_be_explained(profile):
    """Each derived value of each shipped profile has a formula, a source and inputs with values."""
    this = pipeline.checked(profile, project=PROJECT)

    for path in this.plan.trails:
        found = explained(this, path)
        assert found.formula, path
        assert found.source, path
        assert found.value, path
        assert all(cause.value for cause in found.causes), path


def test_users_of_a_value_are_found_by_rendering_again(this):
    """The artifacts that change with the grace period are those that show it."""
    users = pipeline.users_of(this, "tiers.file.grace", project=PROJECT)

    assert "settings/env/file.env" in users
    assert "settings/env/api.env" not in users


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("tiers.file.pool", "settings/plan.json", id="a word"),
        pytest.param("tiers.file.scale_down_policies", "kubernetes/eu-1/scaledobject-worker-file.yaml", id="a list"),
        pytest.param("tiers.file.heartbeat_timeout", "settings/plan.json", id="none so far"),
        pytest.param("tiers.file.load.rate", "kubernetes/eu-1/scaledobject-worker-file.yaml", id="a typed fact"),
        pytest.param("monitoring.log_level", "settings/env/file.env", id="one of a few words"),
    ],
)
def test_users_of_every_kind_of_value(this, path, expected):
    """Whatever a value is, another one is tried in its place."""
    assert expected in pipeline.users_of(this, path, project=PROJECT)


@pytest.mark.parametrize("path", ["tiers.file", "nothing", "tiers.file.queues"])
def test_users_of_what_is_no_value(this, path):
    """Mappings and lists as a whole, and what does not exist, have no other value."""
    with pytest.raises(UsageError):
        pipeline.users_of(this, path, project=PROJECT)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        pytest.param(["--used-by"], "--used-by is about one value: name its path", id="used by what"),
        pytest.param(["--what-if", "load.peak=9/s"], "--what-if is about one value: name its path", id="what of what"),
        pytest.param(
            ["x", "--artifact", "out/prod-celery/settings/plan.json:3"],
            "--artifact explains a line: leave out x",
            id="a value and a line",
        ),
        pytest.param(["--artifact", "out/prod-celery/settings"], "write FILE:LINE", id="no line"),
        pytest.param(
            ["--artifact", "/etc/passwd:1"], "no template of this profile makes it", id="a file from elsewhere"
        ),
        pytest.param(
            ["tiers.file.max_replicas", "--what-if", "load.peak=20"],
            "--what-if tiers.file.load.peak: 20 has no unit",
            id="a change without unit",
        ),
        pytest.param(
            ["tiers.file.max_replicas", "--what-if", "tiers.file=null"],
            "--what-if tiers.file=null: then there is no tiers.file.max_replicas",
            id="a change that takes the value away",
        ),
        pytest.param(
            ["visibility_timeout", "--what-if", "load.peak=9/s"], "belongs under tiers.", id="a change without a tier"
        ),
    ],
)
def test_wrong_usage(flags, message):
    """What would be ignored or has no meaning is refused, with the flag that was typed."""
    done = taskgen("explain", "--profile", "prod-celery", *flags)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_what_if_of_the_whole_profile():
    """A key that only the profile has needs no tier in front."""
    done = taskgen(
        "explain",
        "tiers.file.least_monthly_cost",
        "--profile",
        "prod-celery",
        "--what-if",
        "prices.vcpu_hour=0",
        check=True,
    )

    assert "with prices.vcpu_hour=0: " in done.stdout
