"""What taskgen itself says about Kubernetes objects: every shipped profile passes, every deliberate mistake fails."""

import pytest
import yaml

from taskgen.verifying.base import verify
from taskgen.verifying.objects.references import external_objects
from taskgen.verifying.objects.verifier import KubernetesObjects
from tests.support.manifests import ON_KUBERNETES, ROOT, artifacts, plan_of

SETS = ("targets.kubernetes.clusters=[one]",)
DAY = '{start: "0 8 * * *", end: "0 18 * * *", timezone: Europe/Berlin, min: 4}'
VARIANTS = {
    "plain": SETS,
    "hpa": (*SETS, "targets.kubernetes.autoscaler=hpa"),
    "cron": (*SETS, f"tiers.file.scale.schedules.day={DAY}"),
    "query": (*SETS, "tiers.file.scale.signals=[{prometheus: sum(x), target: 5}]"),
    "to zero": (*SETS, "tiers.low.scale.min=0", "tiers.low.scale.max=4"),
}
MISTAKES = yaml.safe_load((ROOT / "tests" / "fixtures" / "kubernetes" / "mistakes.yaml").read_text())


def results(tmp_path, profile, *sets, change=None, **objects):
    """The verifier's failures by file name, after a change of one file: (name, old text, new text)."""
    files = artifacts(profile, *sets)
    for file in files:
        content = file.content.decode()
        if change and file.path.endswith(f"/{change[0]}.yaml"):
            assert change[1] in content, "the mistake has no place: correct the test"
            content = content.replace(change[1], change[2])
        place = tmp_path / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    external = objects.get("external", external_objects(plan_of(profile, *sets)))
    found = verify(KubernetesObjects(external), tmp_path, files)
    return {result.artifact.rpartition("/")[2]: result.detail for result in found if result.outcome == "failed"}


@pytest.mark.parametrize("profile", ON_KUBERNETES)
def test_shipped_profiles_pass(tmp_path, profile):
    """No false alarm on what is committed."""
    assert results(tmp_path, profile) == {}


@pytest.mark.parametrize("sets", VARIANTS.values(), ids=VARIANTS.keys())
def test_variants_pass(tmp_path, sets):
    """No false alarm on other ways to scale."""
    assert results(tmp_path, "prod-celery", *sets) == {}


def test_objects_that_the_profile_declares_exist(tmp_path):
    """Volumes and sidecars of the profile may name what somebody else made."""
    sets = (
        *SETS,
        "tiers.file.pod.volumes.ca={mount_path: /ca, configMap: {name: corporate-ca}}",
        "tiers.file.pod.sidecars.proxy={image: 'p:1', envFrom: [{secretRef: {name: proxy}}]}",
        "app.image.pull_secret=registry",
    )

    assert results(tmp_path, "prod-celery", *sets) == {}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_deliberate_mistakes_fail(tmp_path, mistake):
    """Each mistake is found, and named so that a reader finds it."""
    sets = VARIANTS[mistake.get("variant", "plain")]
    failures = results(tmp_path, "prod-celery", *sets, change=(mistake["file"], mistake["old"], mistake["new"]))

    assert any(mistake["said"] in detail for detail in failures.values()), failures


def test_undeclared_secret(tmp_path):
    """A secret that the profile does not mention is a container that never starts (K17)."""
    failures = results(tmp_path, "prod-celery", *SETS, external=frozenset())

    assert "Secret/docflow-broker, which is neither rendered nor declared" in failures["deployment-worker-file.yaml"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("a: [", "while parsing", id="no YAML"),
        pytest.param("- 1\n", "a document without apiVersion and kind", id="no object"),
        pytest.param("? [a]\n: 1\n", "is no text, or there twice", id="a list as key"),
    ],
)
def test_unreadable_files_fail(tmp_path, content, said):
    """What cannot be read is a failure of that file, and the others are still checked."""
    path = tmp_path / "kubernetes" / "one"
    results(tmp_path, "prod-celery", *SETS)
    (path / "pdb-worker-file.yaml").write_text(content)
    files = artifacts("prod-celery", *SETS)

    (failed,) = [
        result
        for result in verify(KubernetesObjects(external_objects(plan_of("prod-celery", *SETS))), tmp_path, files)
        if result.outcome == "failed"
    ]
    assert failed.artifact.endswith("pdb-worker-file.yaml")
    assert said in failed.detail
