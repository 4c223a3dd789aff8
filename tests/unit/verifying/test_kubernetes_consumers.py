"""The consumers of manifests: each passes what is committed and refuses a planted mistake."""

import pytest

from taskgen.artifact import Artifact
from taskgen.verifying import custom_resources
from taskgen.verifying.base import Finished, Result, run_program, verify
from taskgen.verifying.custom_resources import CustomResources, differences
from taskgen.verifying.kubernetes import KubernetesSchemas
from taskgen.verifying.kustomize import Kustomize
from tests.support.manifests import artifacts
from tests.support.need import need

SETS = ("targets.kubernetes.clusters=[one]",)
FILE = "kubernetes/one/deployment-worker-file.yaml"
SCALER = "kubernetes/one/scaledobject-worker-file.yaml"
LIST = "kubernetes/one/kustomization.yaml"
NEEDS = {KubernetesSchemas: "kubernetes-validate", CustomResources: "cloudcoil", Kustomize: "kubectl"}


def stage(tmp_path, *, change=None, only=None, sets=SETS):
    """The tree of prod-celery on disk, with one text replaced in one file; returns the artifacts to be checked."""
    files = artifacts("prod-celery", *sets)
    for file in files:
        content = file.content.decode()
        if change and file.path == change[0]:
            assert change[1] in content, "the mistake has no place: correct the test"
            content = content.replace(change[1], change[2], 1)
        place = tmp_path / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    return [file for file in files if only in (None, file.path)]


@pytest.mark.parametrize("kind", NEEDS, ids=NEEDS.values())
@pytest.mark.parametrize("autoscaler", ["keda", "hpa"])
def test_rendered_manifests_pass(tmp_path, kind, autoscaler):
    """Every consumer takes what is rendered, and says which version it is."""
    need(NEEDS[kind])
    files = stage(tmp_path, sets=(*SETS, f"targets.kubernetes.autoscaler={autoscaler}"))
    results = verify(kind(), tmp_path, files)

    assert [result for result in results if result.outcome != "passed"] == []
    assert all(result.version for result in results)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("  minReadySeconds: 10", "  replicaz: 1", "'replicaz' was unexpected", id="unknown field"),
        pytest.param("  minReadySeconds: 10", '  replicas: "1"', "at spec.replicas", id="text for a number"),
        pytest.param('value: "8081"', "value: 8081", "is not of type", id="a number in the environment"),
        pytest.param(
            "apiVersion: apps/v1", "apiVersion: apps/v1beta1", "has no Deployment of apps/v1beta1", id="removed version"
        ),
        pytest.param("kind: Deployment", "kind: [", "while parsing", id="no YAML"),
    ],
)
def test_schemas_refuse(tmp_path, old, new, said):
    """The three of ten mistakes that a strict schema finds, and the one about which the tool only warns."""
    need("kubernetes-validate")
    files = stage(tmp_path, change=(FILE, old, new), only=FILE)

    (result,) = verify(KubernetesSchemas(), tmp_path, files)
    assert result.outcome == "failed"
    assert said in result.detail


def test_schemas_are_those_of_the_cluster(tmp_path):
    """An older cluster is asked about with its own schemas: matchLabelKeys came with 1.25, unknown ones are refused."""
    need("kubernetes-validate")
    (result,) = verify(KubernetesSchemas(version="1.27.0"), tmp_path, stage(tmp_path, only=FILE))

    assert (result.outcome, "Kubernetes 1.27.0" in result.version) == ("passed", True)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(
            "  pollingInterval: 10",
            "  pollingIntervall: 10",
            "spec.pollingIntervall: unknown field",
            id="unknown field",
        ),
        pytest.param(
            "  pollingInterval: 10", '  pollingInterval: "10"', "spec.pollingInterval: '10' is read as 10", id="text"
        ),
        pytest.param("type: Percent", "type: Percentage, kind: x", "unknown field", id="unknown field deep inside"),
        pytest.param("  triggers:", "  triggerz:", "at spec", id="a required field is missing"),
        pytest.param("kind: ScaledObject", "kind: ScaledObjekt", "has no such kind", id="unknown kind"),
        pytest.param("kind: ScaledObject", "kind: {", "while parsing", id="no YAML"),
    ],
)
def test_models_refuse(tmp_path, old, new, said):
    """The models alone accept unknown fields and change text in silence: the comparison finds both."""
    need("cloudcoil")
    files = stage(tmp_path, change=(SCALER, old, new), only=SCALER)

    (result,) = verify(CustomResources(), tmp_path, files)
    assert result.outcome == "failed"
    assert said in result.detail


def test_a_kind_without_a_model_is_not_run(tmp_path):
    """What nobody checked is never called passed."""
    need("cloudcoil")
    files = stage(tmp_path, change=(SCALER, "keda.sh/v1alpha1", "temporal.io/v1alpha1"), only=SCALER)

    (result,) = verify(CustomResources(), tmp_path, files)
    assert (result.outcome, result.detail) == ("not run", "no model of ScaledObject of temporal.io/v1alpha1")


@pytest.mark.parametrize(
    ("written", "kept", "said"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {}, ["a: unknown field"]),
        ({}, {"a": 1}, ["a: the model adds it"]),
        ({"a": [{"b": "1"}]}, {"a": [{"b": 1}]}, ["a[0].b: '1' is read as 1"]),
        ({"a": [1]}, {"a": [1, 2]}, ["a: [1] is read as [1, 2]"]),
        ({"a": True}, {"a": 1}, ["a: True is read as 1"]),
    ],
    ids=["equal", "dropped", "added", "changed", "longer", "another type"],
)
def test_differences(written, kept, said):
    """Every way in which a model may keep something else than was written is named with its path."""
    assert list(differences(written, kept)) == said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            (LIST, "  - namespace.yaml", "  - namespaces.yaml"), "namespaces.yaml", id="a file that is not there"
        ),
        pytest.param(
            (LIST, "  - namespace.yaml\n", ""), "the files of the folder hold", id="a file that nobody applies"
        ),
        pytest.param((FILE, "spec:\n", "spec:\n  minReadySeconds: 10\n"), "already", id="a key twice"),
        pytest.param(
            ("kubernetes/one/pdb-worker-api.yaml", "name: worker-api", "name: worker-file"),
            "already registered",
            id="an object twice",
        ),
    ],
)
def test_kustomize_refuses(tmp_path, change, said):
    """The build fails for what kustomize refuses, and for what it would leave out in silence."""
    need("kubectl")
    (result,) = verify(Kustomize(), tmp_path, stage(tmp_path, change=change, only=LIST))

    assert result.outcome == "failed"
    assert said in result.detail


class Absent:
    """A verifier whose consumer is not installed."""

    name = "absent"
    remedy = "pip install absent"

    def available(self):
        """Nothing is here."""
        return

    def applies(self, artifact):
        """It would read YAML."""
        return artifact.path.endswith(".yaml")

    def run(self, folder, artifacts):
        """Never reached."""
        raise AssertionError((folder, artifacts))


def test_an_absent_consumer_is_not_run(tmp_path):
    """It is said once, with the remedy, and never counts as passed."""
    files = [Artifact(f"{number}.yaml", b"", "t", "t.j2") for number in range(2)]

    assert verify(Absent(), tmp_path, files) == (
        Result("absent", "*", "not run", "not installed; get it: pip install absent"),
    )


def test_nothing_to_check_is_no_result(tmp_path):
    """A verifier of other files says nothing, whether its consumer is here or not."""
    assert verify(Absent(), tmp_path, [Artifact("Dockerfile", b"", "t", "t.j2")]) == ()


def test_a_missing_package_is_absent(monkeypatch):
    """Versions come from what is installed; one missing model package makes the verifier absent."""
    monkeypatch.setattr(custom_resources, "MODELS", {"x/v1": ("x", "no-such-distribution-of-models")})

    assert CustomResources().available() is None


def test_a_hanging_consumer_has_failed(tmp_path):
    """A consumer that does not answer is ended."""
    done = run_program(["sleep", "30"], cwd=tmp_path, timeout=0.05)

    assert done == Finished(None, "", "")
    assert done.last_lines == "no answer within 60 s"


@pytest.mark.parametrize(
    ("finished", "said"),
    [
        (Finished(1, "out", "bad\nworse"), "bad\nworse"),
        (Finished(1, "out\n", ""), "out"),
        (Finished(3, "", ""), "exit code 3 without a message"),
        (Finished(1, "", "\n".join(map(str, range(30)))), "\n".join(map(str, range(10, 30)))),
    ],
    ids=["errors first", "else the output", "silence", "the end of much"],
)
def test_what_a_consumer_said(finished, said):
    """A result quotes the last lines of the consumer, errors first."""
    assert finished.last_lines == said
