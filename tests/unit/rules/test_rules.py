"""Every rule has a profile that breaks it and one that keeps it."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from taskgen import pipeline
from taskgen.plan.build import make_plan
from taskgen.profile.files import Project
from taskgen.rules import platform, scaling
from taskgen.rules.catalogue import ALL_RULES, MODULES, RULES
from taskgen.rules.engine import ENVIRONMENTS, Severity, collect
from taskgen.rules.guaranteed import GUARANTEED
from taskgen.rules.pending import PENDING
from tests.unit.rules.cases import BREAKING, KEEPING

PROJECT = Project(Path(__file__).parents[2] / "fixtures" / "rules")
BASES = ("redis", "rabbitmq", "temporal", "hatchet")

CATALOGUE = dict(line.split() for line in (PROJECT.root / "catalogue.txt").read_text().splitlines())
"""The ids of the specification (invariants.md), with dev/staging/prod."""


def findings(base, overrides=()):
    """Findings of a fixture with overrides."""
    return pipeline.checked(base, project=PROJECT, overrides=list(overrides)).findings


@pytest.mark.parametrize("base", BASES)
def test_fixture_keeps_every_rule(base):
    """The base fixtures are clean, so each broken rule is the work of its overrides."""
    assert [str(finding) for finding in findings(base)] == []


@pytest.mark.parametrize(
    ("rule", "base", "overrides", "path"), BREAKING, ids=[f"{case[0]}-{case[3]}" for case in BREAKING]
)
def test_rule_is_broken(rule, base, overrides, path):
    """What breaks a rule gives its finding, at the path that has to change."""
    found = findings(base, overrides)

    assert (rule, path) in {(finding.rule, finding.path) for finding in found}


@pytest.mark.parametrize(("rule", "base", "overrides"), KEEPING, ids=[f"{case[0]}-{case[2][-1]}" for case in KEEPING])
def test_rule_is_kept(rule, base, overrides):
    """What comes close to breaking a rule keeps it."""
    assert [str(finding) for finding in findings(base, overrides) if finding.rule == rule] == []


def test_every_rule_has_a_failing_fixture():
    """A rule without a case is a rule that nobody has seen fire."""
    # P01 and K08 need a target with a limit and K15 a longer name than a tier may have: they have tests of their own.
    assert {entry.id for entry in RULES} - {case[0] for case in BREAKING} == {"P01", "K08", "K15"}


def test_every_id_of_the_specification_is_answered():
    """Each statement is a rule, holds by construction, or names what it comes with; and only one of these."""
    rules = {entry.id for entry in ALL_RULES}
    own = {name for name in rules if name[0] in "UX"} | {"K32", "K33", "K34", "K35", "Q11", "Q12"}

    assert sorted([*(rules - own), *GUARANTEED, *PENDING]) == sorted(CATALOGUE)


def test_severities_are_those_of_the_specification():
    """A severity that differs is listed here with its reason."""
    letters = {Severity.ERROR: "E", Severity.WARNING: "W", Severity.NOTE: "N", None: "-"}
    found = {
        entry.id: "/".join(letters[entry.severity[environment]] for environment in ENVIRONMENTS) for entry in ALL_RULES
    }
    # K20 and S18 ask the same of images, one for a warning and one for an error.
    assert {name: severity for name, severity in found.items() if severity != CATALOGUE.get(name, severity)} == {
        "K20": "N/W/E"
    }


def test_rules_of_every_module_are_checked():
    """A module that nobody collects would be rules that nobody runs."""
    folder = Path(collect.__code__.co_filename).parent
    with_rules = {path.stem for path in folder.glob("*.py") if "\n@rule(" in path.read_text()} - {"catalogue"}

    assert {module.__name__.rpartition(".")[2] for module in MODULES} == with_rules


def test_a_second_rule_of_one_id_is_refused():
    """Two functions of one id would hide each other in waivers and pages."""
    from taskgen.rules import celery, platform

    with pytest.raises(ValueError, match="a rule id is used twice"):
        collect(celery, platform, celery)


def test_waiver_turns_an_error_into_a_remark():
    """A waived finding keeps its place and shows the reason, and does not stop render."""
    this = pipeline.checked(
        "temporal",
        project=PROJECT,
        overrides=["backends.temporal.tls=null", "waivers.S07=a development server on this machine"],
    )

    (finding,) = [finding for finding in this.findings if finding.rule == "S07"]
    assert finding.waived == "a development server on this machine"
    assert not this.blocked


def test_severity_follows_the_environment():
    """The same breach is a note in development and an error in production."""
    overrides = ["backends.celery.broker.tls=false"]
    prod = {finding.rule: finding.severity for finding in findings("redis", overrides)}
    dev = {finding.rule: finding.severity for finding in findings("redis", [*overrides, "environment=dev"])}

    assert (prod["S06"], dev["S06"]) == (Severity.ERROR, Severity.NOTE)


def test_finding_says_where_what_and_what_to_do():
    """One line holds place, path, severity, rule, fault and remedy."""
    (finding,) = [
        finding for finding in findings("redis", ["backends.celery.settings.result_expire=60"]) if finding.rule == "C23"
    ]

    assert str(finding).endswith(
        "backends.celery.settings.result_expire: error C23 Celery has no setting result_expire,"
        " did you mean 'result_expires'?; write the name that Celery has, or set it per task under tasks:"
    )


def limited(seconds, overrides=()):
    """Plan of a target whose platform waits so long."""
    profile = pipeline.checked("redis", project=PROJECT, overrides=list(overrides)).loaded.profile
    return make_plan(profile, grace_limits={"kubernetes": timedelta(seconds=seconds)})


def test_grace_within_the_limit_of_a_target():
    """A target's own limit of the grace period is a rule (P01)."""
    check = platform.grace_fits_the_platform.check

    assert [breach.path for breach in check(limited(10))] == ["tiers.main.shutdown.grace"]
    assert list(check(limited(120))) == []


@pytest.mark.parametrize(
    ("seconds", "overrides", "paths"),
    [
        pytest.param(74, [], ["tiers.main.shutdown.mode"], id="drained tasks of 60 s need 75 s"),
        pytest.param(75, [], [], id="as long as the platform waits"),
        pytest.param(30, ["tiers.main.shutdown=cut"], [], id="cut and idempotent"),
        pytest.param(
            30,
            ["tiers.main.shutdown=cut", "tiers.main.task.idempotent=false"],
            ["tiers.main.shutdown.mode"],
            id="cut and lost",
        ),
    ],
)
def test_tasks_that_outlast_the_platform(seconds, overrides, paths):
    """Tasks longer than the platform waits are cut, and only where they may be repeated (K08)."""
    assert [breach.path for breach in platform.long_tasks_are_cut.check(limited(seconds, overrides))] == paths


def test_a_name_too_long_for_the_scaler():
    """KEDA's prefix and the name stay within 63 characters (K15)."""
    tier = SimpleNamespace(name="a" * 48, autoscaled=True)
    options = SimpleNamespace(kubernetes=SimpleNamespace(autoscaler="keda"))
    plan = SimpleNamespace(tiers=(tier,), profile=SimpleNamespace(targets=options))

    assert [breach.path for breach in scaling.names_fit.check(plan)] == [f"tiers.{tier.name}"]
