"""The commands as a user sees them: output, errors and exit codes."""

import json
import shutil

import pytest

from taskgen.rules.pending import PENDING
from tests.support.command import ROOT, taskgen, taskgen_inside


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of its own with the shipped profiles."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "profiles", folder / "profiles")
    return folder


@pytest.mark.parametrize("command", ["render", "check", "explain", "verify", "profiles", "targets", "rules", "schema"])
def test_help_has_an_example(command):
    """Every command explains itself with an example."""
    done = taskgen_inside(command, "--help")

    assert done.returncode == 0
    assert f"taskgen {command}" in done.stdout.partition("Options:")[0].partition("Usage:")[2].partition("\n")[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["render"], "state either --profile NAME or --all", id="no profile"),
        pytest.param(["render", "--profile", "x", "--all"], "state either --profile NAME or --all", id="both"),
        pytest.param(["render", "--profile", "prod-celry"], "prod-celery", id="a name that is nearly right"),
        pytest.param(["render", "--profile", "../etc/passwd"], "../etc/passwd", id="a path"),
        pytest.param(["render", "--profile", "prod-celery", "--target", "x"], "--target x", id="no such target"),
        pytest.param(["render", "--profile", "prod-celery", "--set", "nonsense"], "--set", id="an override without ="),
        pytest.param(["render", "--profile", "prod-celery", "--stdout", "--check"], "--stdout", id="stdout and check"),
        pytest.param(["check", "--profile", "prod-celery", "-o", "xml"], "--output xml", id="a format"),
        pytest.param(["rules", "X99"], "X99", id="no such rule"),
        pytest.param(["render", "--profile", "prod-celery", "--project", "/nowhere"], "--project", id="no such folder"),
        pytest.param(["rendr"], "rendr", id="no such command"),
        pytest.param(["render", "--profil", "x"], "--profil", id="no such flag"),
    ],
)
def test_wrong_usage(arguments, message):
    """Wrong usage names the flag, says what to do and exits with 2, without a traceback."""
    done = taskgen_inside(*arguments)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_check_prints_findings_as_json(project):
    """`-o json` carries everything that a machine needs of a finding."""
    done = taskgen("check", "--profile", "dev-celery", "-o", "json", cwd=project, check=True)

    finding = next(entry for entry in json.loads(done.stdout) if entry["rule"] == "S06")
    assert finding["severity"] == "note"
    assert finding["position"] == {"file": "profiles/dev-celery.yaml", "line": 6, "column": 49}
    assert finding["profile"] == "dev-celery"


def test_error_finding_stops_render(project, tmp_path):
    """An error of a rule renders nothing, names its place and exits with 1."""
    done = taskgen(
        "render",
        "--profile",
        "prod-temporal",
        "--out",
        str(tmp_path),
        "--set",
        "backends.temporal.tls=null",
        cwd=project,
    )

    assert done.returncode == 1
    assert "error S07" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_render_check_names_the_files(project, tmp_path):
    """`--check` exits with 1 and names what differs; after render it is content."""
    arguments = ["render", "--profile", "dev-celery", "--out", str(tmp_path)]
    before = taskgen(*arguments, "--check", cwd=project)
    taskgen(*arguments, cwd=project, check=True)
    after = taskgen(*arguments, "--check", cwd=project)

    assert (before.returncode, after.returncode) == (1, 0)
    assert "dev-celery/settings/plan.json: missing" in before.stdout


def test_hand_edit_is_refused_and_forced(project, tmp_path):
    """An edited file is named with its diff and kept; --force overwrites it."""
    arguments = ["render", "--profile", "dev-celery", "--out", str(tmp_path)]
    taskgen(*arguments, cwd=project, check=True)
    edited = tmp_path / "dev-celery" / "compose" / "compose.yaml"
    edited.write_text(edited.read_text() + "# mine\n")

    refused = taskgen(*arguments, cwd=project)

    assert refused.returncode == 1
    assert "compose/compose.yaml" in refused.stderr
    assert "-# mine" in refused.stderr
    assert edited.read_text().endswith("# mine\n")
    assert taskgen(*arguments, "--force", cwd=project).returncode == 0
    assert not edited.read_text().endswith("# mine\n")


def test_stdout_is_one_yaml_stream(project):
    """`--stdout` of one target can be piped: documents with their source."""
    import yaml

    done = taskgen("render", "--profile", "prod-celery", "--target", "kubernetes", "--stdout", cwd=project, check=True)

    documents = list(yaml.load_all(done.stdout, yaml.CSafeLoader))
    assert "# Source: prod-celery/kubernetes/" in done.stdout
    assert {"Deployment", "ScaledObject"} <= {document["kind"] for document in documents}


def test_schema_describes_the_shipped_profiles():
    """The schema is valid JSON Schema and names the targets' options."""
    schema = json.loads(taskgen("schema", check=True).stdout)

    assert "namespace" in json.dumps(schema)
    assert schema["type"] == "object"


def test_every_target_is_listed():
    """`taskgen targets` lists each folder with a target.yaml."""
    names = {path.parent.name for path in (ROOT / "templates").glob("*/target.yaml")}
    listed = json.loads(taskgen("targets", "-o", "json", check=True).stdout)

    assert {entry["name"] for entry in listed} == names


def test_explain_answers_what_if(project):
    """A change is tried without touching the profile, and named in full."""
    done = taskgen(
        "explain",
        "tiers.file.max_replicas",
        "--profile",
        "prod-celery",
        "--what-if",
        "load.peak=20/s",
        cwd=project,
        check=True,
    )

    assert "with tiers.file.load.peak=20/s: 31" in done.stdout


def test_explain_without_a_path_lists_every_derived_value(project):
    """The list names each value with its formula."""
    done = taskgen("explain", "--profile", "prod-celery", cwd=project, check=True)

    assert "tiers.low.visibility_timeout" not in done.stdout
    assert any(line.startswith("visibility_timeout ") for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    "place", ["compose.yaml", "out/dev-celery/compose/compose.yaml:0", "out/dev-celery/no/such.yaml:3"]
)
def test_explain_refuses_a_line_that_is_none(project, place):
    """A line that does not exist is wrong usage."""
    done = taskgen("explain", "--artifact", place, cwd=project)

    assert (done.returncode, done.stdout) == (2, "")
    assert "--artifact" in done.stderr


@pytest.mark.parametrize(("name", "said"), [("K28", "always holds:"), ("P05", "comes with:  target ecs")])
def test_what_is_no_rule_is_explained(name, said):
    """An id of the specification that has no rule says why."""
    assert said in taskgen("rules", name, check=True).stdout


def test_the_rules_end_with_those_that_are_pending():
    """Each pending id stands behind the rules, with the target or feature that it comes with; so it does in JSON."""
    listed = taskgen("rules", check=True).stdout
    rules, _, rest = listed.partition("\n\npending: ")
    lines = {line.rpartition("  ")[0].strip(): line.rpartition("  ")[2].split() for line in rest.splitlines()[1:]}
    entries = json.loads(taskgen("rules", "-o", "json", check=True).stdout)

    assert "\nC04  " in rules
    pending = {name: entry.comes_with for name, entry in PENDING.items()}
    assert {name: what for what, names in lines.items() for name in names} == pending
    assert {entry["id"]: entry["comes with"] for entry in entries if "comes with" in entry} == pending
