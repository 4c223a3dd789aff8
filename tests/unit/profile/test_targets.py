"""Targets: what target.yaml states, and what it makes of the profile's schema."""

from datetime import timedelta

import pytest

from taskgen.errors import TemplateError
from taskgen.profile.discovery import as_tuple, discover, profile_model
from taskgen.profile.files import Project
from taskgen.profile.schema import json_schema
from tests.support.profiles import load_text

FULL = """\
name: full
summary: everything that a target can state
options:
  namespace: {type: string, default: null, pattern: "[a-z]+", help: lower-case letters}
  replicas: {type: integer, default: 2, minimum: 1, maximum: 9, help: how many}
  pdb: {type: boolean, default: true, help: whether}
  wait: {type: duration, default: 30s, help: how long}
  disk: {type: size, default: 1Gi, help: how large}
  clusters: {type: list, default: [eu-1], help: where}
  gitops: {type: list, choices: [argocd, flux], default: [], help: by what}
  annotations: {type: mapping, default: {}, help: free form}
  autoscaler: {type: choice, choices: [keda, hpa], default: keda, help: which}
  region: {type: string, required: true, help: must be stated}
limits: {grace: 120s}
files:
  - {template: a.yaml.j2, path: "full/{cluster}/a-{tier}.yaml", for_each: [cluster, tier], when: "tier.spot"}
  - {template: b.yaml.j2, path: full/b.yaml}
copies: [{from: library, to: image/library}]
verifiers: [kubernetes, yaml]
"""


def write(root, text: str, name: str = "full", under: str = "templates") -> Project:
    """Write a target."""
    folder = root / under / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "target.yaml").write_text(text)
    return Project(root, root / "shipped")


def test_target_is_read(tmp_path):
    """Options, limits, files, copies and verifiers become typed."""
    spec = discover(write(tmp_path, FULL))["full"]

    assert spec.limits.grace == timedelta(minutes=2)
    assert spec.files[0].for_each == ("cluster", "tier")
    assert spec.copies[0].from_ == "library"
    assert spec.verifiers == {"kubernetes": "**", "yaml": "**"}


def test_options_become_fields(tmp_path):
    """What the profile states is typed by the option, what it does not state has the default."""
    write(tmp_path, FULL)
    loaded = load_text(tmp_path, "targets: {full: {region: eu, wait: 1m, gitops: [flux], annotations: {a: 1.10}}}\n")
    options = loaded.profile.targets.full

    assert options.wait == timedelta(minutes=1)
    assert options.disk == 2**30
    assert options.clusters == ("eu-1",)
    assert options.gitops == ("flux",)
    assert options.annotations == {"a": 1.1}
    assert options.namespace is None
    assert loaded.positions.at("targets.full.disk").line == 16


def test_a_target_that_is_not_named_is_none(tmp_path):
    """None means not rendered; an empty mapping means rendered with the defaults."""
    write(tmp_path, FULL)

    targets = load_text(tmp_path, "targets: {stub: {}}\n").profile.targets

    assert targets.full is None
    assert targets.stub.autoscaler == "keda"


def test_options_survive_serialisation(tmp_path):
    """A dump of the profile has the options of the discovered targets."""
    profile = load_text(tmp_path, "targets: {stub: {namespace: x}}\n").profile

    assert profile.model_dump()["targets"]["stub"]["namespace"] == "x"


def test_target_of_the_project_replaces_the_shipped_one(tmp_path):
    """A project changes a target by a folder of the same name, and keeps the other shipped ones."""
    write(tmp_path, FULL, under="shipped/templates")
    write(tmp_path, FULL.replace("full", "other"), name="other", under="shipped/templates")
    project = write(tmp_path, "name: full\nsummary: my own\n")

    specs = discover(project)

    assert {name: spec.summary for name, spec in specs.items()} == {
        "full": "my own",
        "other": "everything that a target can state",
    }


def test_folders_without_target_are_no_targets(tmp_path):
    """Partial templates of the backends stand beside the targets."""
    project = write(tmp_path, FULL)
    (tmp_path / "templates/backends/celery").mkdir(parents=True)

    assert list(discover(project)) == ["full"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: full", "name: ful", "1:7 name: must be full, as the folder is named: rename one"),
        (
            "type: integer",
            "type: int",
            (
                "5:20 options.replicas.type: must be string, integer, "
                "boolean, duration, size, cpu, list, mapping or choice, not the text 'int'"
            ),
        ),
        (
            "default: 30s",
            "default: 30",
            "7:35 options.wait.default: does not fit the option: 30 has no unit: write it like 30s, 5m or 1h30m",
        ),
        (
            "default: keda",
            "default: x",
            "12:61 options.autoscaler.default: does not fit the option: must be keda or hpa, not the text 'x'",
        ),
        (
            "choices: [keda, hpa], ",
            "",
            "12:15 options.autoscaler.choices: a choice needs values to choose from: add choices",
        ),
        ("/a-{tier}", "/a", "16:33 files[0].path: must hold {tier}: files of several would overwrite each other"),
        ("{cluster}", "{clustr}", "16:33 files[0].path: {clustr} is not a dimension of for_each: add it there"),
        ("copies:", "copeis:", "18:1 copeis: unknown key, did you mean 'copies'?"),
        ("  pdb:", "  json:", "6:3 options.json: json has a meaning in Python models: choose another name"),
        (
            '"[a-z]+"',
            '"[a-z"',
            "4:53 options.namespace.pattern: not a regular expression (unterminated character set): correct it",
        ),
        (", help: how many", "", "5:13 options.replicas.help: missing (what it means, in one line): add it"),
    ],
)
def test_wrong_target(tmp_path, old, new, message):
    """A mistake in a target.yaml is named with its place."""
    assert FULL.count(old) == 1

    with pytest.raises(TemplateError) as caught:
        discover(write(tmp_path, FULL.replace(old, new)))

    assert str(caught.value) == f"templates/full/target.yaml:{message}"


def test_unreadable_target(tmp_path):
    """A folder in place of a target.yaml is no traceback."""
    (tmp_path / "templates/x/target.yaml").mkdir(parents=True)

    with pytest.raises(TemplateError, match=r"templates/x/target.yaml: cannot be read \(is a directory\)"):
        discover(Project(tmp_path, tmp_path))


def test_schema_has_the_options(tmp_path):
    """Editors complete the options of the discovered targets, with their help."""
    schema = json_schema(discover(write(tmp_path, FULL)))
    options = schema["$defs"]["FullOptions"]

    assert options["properties"]["autoscaler"]["anyOf"][0]["enum"] == ["keda", "hpa"]
    assert options["properties"]["replicas"]["description"] == "how many"
    assert options["additionalProperties"] is False


def test_models_are_made_once(tmp_path):
    """Many profiles in one process share the schema that their targets make."""
    project = write(tmp_path, FULL)

    assert profile_model(as_tuple(discover(project))) is profile_model(as_tuple(discover(project)))
