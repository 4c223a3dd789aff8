"""Which template line and which values made a line of an artifact."""

import pytest

from taskgen import pipeline
from taskgen.errors import UsageError
from taskgen.profile.files import Project
from taskgen.rendering.encoding import COMMENT, format_of
from taskgen.rendering.environment import environment
from taskgen.rendering.render import locate
from taskgen.rendering.tracing import HEADER_LINES, _lines
from taskgen.report.blame import Candidate, blamed
from tests.support.command import ROOT

PROJECT = Project(ROOT)
OF_FILE = "kubernetes/eu-1/deployment-worker-file.yaml"
SCALER = "kubernetes/eu-1/scaledobject-worker-file.yaml"


@pytest.fixture(scope="module")
def this():
    """The shipped profile prod-celery, checked."""
    return pipeline.checked("prod-celery", project=PROJECT)


@pytest.fixture(scope="module")
def files(this):
    """Its artifacts as lines, by path."""
    return {
        artifact.path: artifact.content.decode().splitlines() for artifact in pipeline.rendered(this, project=PROJECT)
    }


def origin(this, files, path, text):
    """Explain the first line of a file that begins so."""
    number = next(n for n, line in enumerate(files[path], 1) if line.strip().startswith(text))
    return pipeline.line_of(this, path, number, project=PROJECT)


@pytest.mark.parametrize(
    ("path", "text", "template", "value"),
    [
        pytest.param(
            OF_FILE,
            "terminationGracePeriodSeconds:",
            "kubernetes/deployment.yaml.j2",
            "tiers.file.grace_seconds",
            id="printed by its name",
        ),
        pytest.param(OF_FILE, "requests:", "kubernetes/deployment.yaml.j2", "tiers.file.memory_limit", id="several"),
        pytest.param(
            OF_FILE,
            "- {name: TASK_LOG_LEVEL",
            "kubernetes/common.yaml.j2",
            "monitoring.log_level",
            id="a variable of a loop",
        ),
        pytest.param(
            SCALER,
            "- {type: Percent, value: 100",
            "kubernetes/common.yaml.j2",
            "tiers.file.scale_up_policies",
            id="an argument of a macro",
        ),
        pytest.param(
            "settings/plan.json", '"grace_s": 315', "settings/plan.json.j2", "tiers.file.grace", id="a document"
        ),
        pytest.param(
            "settings/celeryconfig.py",
            '"visibility_timeout"',
            "backends/celery/settings.py.j2",
            "visibility_timeout",
            id="a line within a value",
        ),
        pytest.param(
            "prometheus/rules.yaml",
            'expr: "tier:task_failures:ratio_rate1h{tier=\\"file\\"}',
            "prometheus/groups.yaml.j2",
            "tiers.file.slo.success",
            id="a typed value that no derived one stands for",
        ),
    ],
)
def test_line_leads_to_its_template_and_values(this, files, path, text, template, value):
    """A line names the template line that made it, and the values on it, however they came there."""
    found = origin(this, files, path, text)

    assert found.template == template
    assert value in [explanation.path for explanation in found.values]
    assert not found.constant


def test_line_of_an_embedded_file(this, files):
    """A ConfigMap holds the settings; its lines are explained as theirs."""
    found = origin(this, files, "kubernetes/eu-1/configmap.yaml", '"grace_s": 315')

    assert found.file.startswith("settings/plan.json:")
    assert [explanation.path for explanation in found.values] == ["tiers.file.grace"]


@pytest.mark.parametrize(("path", "text"), [(OF_FILE, "kind: Deployment"), ("settings/plan.json", "}")])
def test_line_that_no_value_makes(this, files, path, text):
    """Text of the template says so, instead of naming what is near."""
    found = origin(this, files, path, text)

    assert found.constant
    assert found.values == ()


@pytest.mark.parametrize(
    ("path", "number", "message"),
    [
        (OF_FILE, 1, "the note on top"),
        (OF_FILE, 9999, "the file ends with line"),
        ("kubernetes/eu-1", 3, "no template of this profile makes it"),
        ("taskgen.lock.json", 3, "no template of this profile makes it"),
    ],
)
def test_line_that_does_not_exist(this, path, number, message):
    """A place without an answer is wrong usage."""
    with pytest.raises(UsageError, match=message):
        pipeline.line_of(this, path, number, project=PROJECT)


@pytest.mark.parametrize("profile", ["prod-celery", "dev-temporal", "prod-hatchet"])
def test_every_line_has_a_template_line(profile):
    """The trace of each rendered file has its lines, with their text, at lines that its templates have."""
    this = pipeline.checked(profile, project=PROJECT)
    roots = PROJECT.template_roots()
    for artifact in pipeline.rendered(this, project=PROJECT):
        place = locate(this.plan, this.loaded.specs, artifact.path, roots=roots, only=artifact.target)
        if place is None:
            continue
        form = format_of(place[0])
        lines = artifact.content.decode().splitlines()[HEADER_LINES if COMMENT.get(form) else 0 :]
        traced = list(_lines(environment(tuple(roots), form), *place))
        assert [text.strip() for _, _, text in traced][: len(lines)] == [line.strip() for line in lines], artifact.path
        assert all(number >= 1 for _, number, _ in traced)


def test_what_changes_a_line_is_found_among_many():
    """Candidates are tried together; what removes a line or cannot be rendered is told apart."""
    before = ["a=1", "b=2", "c=3"]
    candidates = [Candidate(name, "x") for name in ("a", "b", "broken", "shorter", "nothing")]

    def render(some):
        names = {one.path for one in some}
        if "broken" in names:
            return None
        lines = [f"{line[0]}=x" if line[0] in names else line for line in before]
        return lines[:2] if "shorter" in names else lines

    assert [one.path for one in blamed(candidates, render, before, 1)] == ["b"]
    assert [one.path for one in blamed(candidates, render, before, 2)] == ["shorter"]
