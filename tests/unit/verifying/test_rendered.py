"""Rules over rendered objects: what a template of the user's own breaks stops render, with the id of the rule."""

import re
import shutil
from dataclasses import replace

import pytest

from taskgen.rules.guaranteed import ASKED_AGAIN, GUARANTEED
from taskgen.verifying.rendered import RENDERED, check_rendered
from tests.support.command import ROOT, taskgen
from tests.support.manifests import ON_KUBERNETES, artifacts, plan_of
from tests.unit.verifying.test_kubernetes_objects import MISTAKES, SETS, VARIANTS


def findings(profile, *sets, change=None):
    """What is said about the objects of a profile, after a change of one file: (name, old text, new text)."""
    files = artifacts(profile, *sets)
    if change:
        name, old, new = change
        files = tuple(
            replace(file, content=file.content.decode().replace(old, new).encode())
            if file.path.endswith(f"/{name}.yaml")
            else file
            for file in files
        )
    return check_rendered(plan_of(profile, *sets), files, folder=f"out/{profile}")


@pytest.mark.parametrize("profile", ON_KUBERNETES)
def test_shipped_profiles_are_clean(profile):
    """No false alarm on what the shipped templates make."""
    assert [str(finding) for finding in findings(profile)] == []


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_have_an_id_and_a_place(mistake):
    """Each deliberate mistake is an error of a rule, at the file that holds it."""
    sets = VARIANTS[mistake.get("variant", "plain")]
    found = findings("prod-celery", *sets, change=(mistake["file"], mistake["old"], mistake["new"]))

    said = [finding for finding in found if mistake["said"] in finding.what]
    assert said, [str(finding) for finding in found]
    assert all(finding.severity == "error" for finding in said)
    assert all(re.match(r"out/prod-celery/kubernetes/one/[\w-]+\.yaml", str(finding)) for finding in said)


def test_images_of_one_repository_are_one():
    """A worker of another version than beat and exporter is a rollout that nobody meant."""
    change = ("deployment-beat", "@sha256:65e4", "@sha256:75e4")

    (finding,) = findings("prod-celery", *SETS, change=change)
    assert finding.rule == "K20"
    assert "others run registry.example.com/docflow-worker@sha256:65e4" in finding.what


def test_in_development_it_is_a_warning():
    """What is only tried out is told, and rendered."""
    sets = (*SETS, "environment=dev")
    found = findings("staging-celery", *sets, change=("deployment-worker-file", "image: ", "image: registry/latest #"))

    assert {finding.severity for finding in found} == {"warning"}


def test_ids_are_those_that_can_be_waived():
    """A rule that always holds by taskgen's own templates can be broken by others, and then waived."""
    assert set(RENDERED.values()) & GUARANTEED.keys() == ASKED_AGAIN


@pytest.fixture
def project(tmp_path):
    """A project with a template of its own, whose selector finds the pods of every tier."""
    for folder in ("profiles", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    own = tmp_path / "templates" / "kubernetes" / "deployment.yaml.j2"
    own.write_text(own.read_text().replace("{{ labels | yaml_block(6) }}", "app.kubernetes.io/component: worker"))
    return tmp_path


def test_render_stops_and_writes_nothing(project):
    """The command names file, rule and remedy."""
    done = taskgen("render", "--profile", "prod-celery", cwd=project)

    assert done.returncode == 1
    assert re.search(
        r"eu-1/deployment-worker-api\.yaml:1:1 Deployment/worker-api: error K19 .* also matches the pods",
        done.stderr,
    )
    assert not (project / "out").exists()


def test_waiver_with_a_reason_lets_it_pass(project):
    """As with any rule."""
    waiver = "waivers.K19=one fleet on purpose, for this test"

    assert taskgen("render", "--profile", "prod-celery", "--set", waiver, cwd=project).returncode == 0
