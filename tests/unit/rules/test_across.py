"""Rules about profiles beside each other: each has a pair that breaks it, and one that comes close."""

import shutil
from pathlib import Path

import pytest

from taskgen import pipeline
from taskgen.errors import Position
from taskgen.profile.files import Project
from taskgen.rules.across import ACROSS, check_all
from tests.support.command import ROOT, taskgen

PROJECT = Project(Path(__file__).parents[2] / "fixtures" / "rules")
SPACE = "targets.kubernetes.namespace=other"
CLUSTER = "targets.kubernetes.clusters=[elsewhere]"
BROKER = "backends.celery.broker"
CLEAR = [f"{BROKER}.url=rediss://one.example.com:6379/3?ssl_cert_reqs=required", "waivers.R11=this is a test of rules"]
ALONE = [SPACE, f"{BROKER}.url.secret=another"]


def plan(base, overrides):
    """Plan of a fixture with overrides."""
    return pipeline.checked(base, project=PROJECT, overrides=overrides).plan


def place(name, path):
    """Position of a path, as far as these tests need it."""
    return Position(f"{name}.yaml:{path}", 1, 1)


def findings(one, two):
    """Rule and path of what the first profile is told beside the second."""
    plans = {"one": plan(*one), "two": plan(*two)}
    found = check_all(plans, position=place)
    return {(finding.rule, finding.path) for finding in found["one"]}


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        pytest.param(
            ("redis", []),
            ("redis", ["targets.kubernetes.autoscaler=hpa", *ALONE]),
            ("K04", "targets.kubernetes.autoscaler"),
            id="two autoscalers in a cluster",
        ),
        pytest.param(
            ("redis", []),
            ("redis", ["targets.kubernetes.keda_namespace=keda-two", *ALONE]),
            ("K04", "targets.kubernetes.keda_namespace"),
            id="two KEDAs in a cluster",
        ),
        pytest.param(
            ("redis", []),
            ("temporal", []),
            ("X01", "targets.kubernetes.namespace"),
            id="one namespace",
        ),
        pytest.param(("redis", []), ("redis", []), ("X02", f"{BROKER}.url"), id="one secret of one namespace"),
        pytest.param(("redis", CLEAR), ("redis", [*CLEAR, SPACE]), ("X02", f"{BROKER}.url"), id="one address"),
        pytest.param(
            ("redis", CLEAR),
            ("redis", [CLEAR[0].replace(":6379", ""), CLEAR[1], SPACE]),
            ("X02", f"{BROKER}.url"),
            id="one address, the port of which one leaves out",
        ),
        pytest.param(
            ("temporal", []),
            ("temporal", [SPACE]),
            ("X02", "backends.temporal.address"),
            id="one namespace of Temporal",
        ),
        pytest.param(("hatchet", []), ("hatchet", []), ("X02", "backends.hatchet.token"), id="one tenant of Hatchet"),
        pytest.param(
            ("redis", [f"{BROKER}.visibility_timeout=2h"]),
            ("redis", []),
            ("X03", f"{BROKER}.visibility_timeout"),
            id="a shorter timeout on the same broker",
        ),
    ],
)
def test_profiles_in_each_others_way(one, two, expected):
    """What two profiles share and must not gives a finding, at the path that has to change."""
    assert expected in findings(one, two)


@pytest.mark.parametrize(
    ("one", "two", "rules"),
    [
        pytest.param(("redis", []), ("redis", ALONE), {"X01", "X02", "X03", "K04"}, id="another namespace"),
        pytest.param(("redis", []), ("redis", [CLUSTER]), {"X01", "X02", "K04"}, id="another cluster"),
        pytest.param(("redis", []), ("redis", ["environment=staging"]), {"X01", "K04"}, id="default of staging"),
        pytest.param(
            ("redis", CLEAR),
            ("redis", [CLEAR[0].replace("/3", "/4"), CLEAR[1], SPACE]),
            {"X02", "X03"},
            id="another database",
        ),
        pytest.param(("redis", CLEAR), ("redis", [*CLEAR, f"{BROKER}.key_prefix=b."]), {"X02", "X03"}, id="a prefix"),
        pytest.param(
            ("temporal", []), ("temporal", ["backends.temporal.namespace=two"]), {"X02"}, id="a namespace of Temporal"
        ),
        pytest.param(("redis", []), ("redis", [f"{BROKER}.visibility_timeout=2h"]), {"X03"}, id="theirs is longer"),
        pytest.param(
            ("redis", []),
            ("redis", ["targets.kubernetes.autoscaler=none", *ALONE]),
            {"K04"},
            id="nothing scales the other one",
        ),
    ],
)
def test_profiles_that_leave_each_other_alone(one, two, rules):
    """What comes close keeps the rules."""
    assert not rules & {rule for rule, _ in findings(one, two)}


def test_queue_of_another_type_is_refused():
    """RabbitMQ compares the arguments of a queue that is declared again."""
    plans = {"one": plan("rabbitmq", []), "two": plan("rabbitmq", [f"{BROKER}.priorities=4"])}

    found = check_all(plans, position=place)

    assert any("declared in another way" in finding.what for finding in found["one"])


def test_every_rule_has_a_pair():
    """A rule that no pair breaks is one that nobody has seen fire."""
    marks = test_profiles_in_each_others_way.pytestmark[0].args[1]

    assert {case.values[2][0] for case in marks} == {entry.rule.id for entry in ACROSS}


def test_check_all_looks_at_profiles_together(tmp_path):
    """The command says it for each of the two, and fails; one alone knows nothing of the other."""
    folder = tmp_path / "profiles"
    shutil.copytree(ROOT / "profiles", folder)
    for path in folder.glob("*.yaml"):
        path.unlink()
    shipped = (ROOT / "profiles" / "prod-celery.yaml").read_text()
    for name in ("one", "two"):
        own = shipped.replace("name: prod-celery", f"name: {name}\nwaivers: {{X01: null}}")
        (folder / f"{name}.yaml").write_text(own)

    alone = taskgen("check", "--profile", "one", cwd=tmp_path)
    together = taskgen("check", "--all", cwd=tmp_path)

    assert alone.returncode == 0
    assert together.returncode == 1
    assert "error X01 two has" in together.stdout
    assert "error X01 one has" in together.stdout
