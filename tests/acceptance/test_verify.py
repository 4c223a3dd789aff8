"""`taskgen verify` as its users run it: the real consumers, broken files, and consumers that are not there."""

import json
import shutil
from pathlib import Path

import pytest

from taskgen.profile.files import Project
from taskgen.profile.loading import profile_names
from tests.support.command import ROOT, taskgen
from tests.support.need import need
from tests.support.verifying import python_without, taskgen_of

CONSUMERS = (
    "compose",
    "hadolint",
    "promtool",
    "kubernetes-validate",
    "kubectl",
    "cloudcoil",
    "yamllint",
    "detect-secrets",
    "docker-client",
    "celery",
    "temporalio",
    "hatchet-sdk",
)
PROFILES = [source.name for source in profile_names(Project(ROOT)) if not source.is_shipped]


def project_with(folder: Path, target: str, template: str, old: str, new: str) -> Path:
    """Make a project with the shipped profiles, and one template of its own that differs in one place."""
    shutil.copytree(ROOT / "profiles", folder / "profiles")
    own = folder / "templates" / target
    shutil.copytree(ROOT / "templates" / target, own)
    text = (own / template).read_text()
    assert old in text, "the change must change something"
    (own / template).write_text(text.replace(old, new))
    return folder


@pytest.fixture(scope="module")
def verified():
    """What every consumer says of every shipped profile, in one run: most of the time is loading the consumers."""
    need(*CONSUMERS)
    done = taskgen("verify", "--all", "--require", "all", "-o", "json", timeout=500)
    assert done.stdout, done.stderr
    return done, {found["profile"]: found for found in json.loads(done.stdout)}


@pytest.mark.xdist_group("verify")
@pytest.mark.parametrize("profile", PROFILES)
def test_every_consumer_takes_every_shipped_profile(verified, profile):
    """Nothing fails, nothing is left out, and every file has a consumer that could refuse it."""
    found = verified[1][profile]

    assert [result for result in found["results"] if result["outcome"] != "passed"] == []
    assert found["results"]
    assert found["unverified"] == []


@pytest.mark.xdist_group("verify")
def test_all_profiles_together_are_good(verified):
    """With nothing failed and nothing left out the exit code is 0."""
    done, by_profile = verified

    assert done.returncode == 0, done.stderr
    assert sorted(by_profile) == sorted(PROFILES)


def test_rabbitmq_settings_are_read_by_rabbitmq():
    """A profile with RabbitMQ renders a file that its own schemas take."""
    need("rabbitmq", "celery")
    values = (
        "backends.celery.broker.kind=rabbitmq",
        "backends.celery.broker.url={secret: broker, key: url}",
        "backends.celery.results={kind: redis, url: 'redis://results:6379/0'}",
    )
    flags = [word for value in values for word in ("--set", value)]
    done = taskgen("verify", "--profile", "dev-celery", "--target", "settings", *flags)

    assert done.returncode == 0, done.stdout + done.stderr
    assert any(line.split()[:2] == ["settings/rabbitmq.conf", "rabbitmq"] for line in done.stdout.splitlines())


def test_a_broken_template_fails(tmp_path):
    """A file that its consumer refuses is named with the consumer's words, and the exit code is 1."""
    need("compose")
    root = project_with(tmp_path, "compose", "compose.yaml.j2", "\nservices:", "\nservicess:")
    done = taskgen("verify", "--profile", "dev-celery", "--target", "compose", "--project", str(root))

    assert done.returncode == 1
    assert "failed compose/compose.yaml (compose " in done.stdout
    assert "servicess" in done.stdout
    assert not (root / "out").exists()


def test_a_file_without_a_verifier_is_listed(tmp_path):
    """A target that names no consumer for a file is told, and `--require all` fails."""
    root = project_with(tmp_path, "prometheus", "target.yaml", 'promtool: "prometheus/*", ', "")
    flags = ("--profile", "dev-celery", "--target", "prometheus", "--project", str(root))
    told, required = taskgen("verify", *flags), taskgen("verify", *flags, "--require", "all")

    assert "unverified prometheus/prometheus.yml: no verifier reads it" in told.stdout
    assert told.stdout.splitlines()[-1].endswith("1 unverified")
    assert (told.returncode, required.returncode) == (0, 1)
    assert "error: dev-celery: 1 files are read by no verifier" in required.stderr


def test_rules_stop_it_as_they_stop_render():
    """A profile with an error is not rendered, hence not verified."""
    done = taskgen("verify", "--profile", "prod-temporal", "--set", "backends.temporal.tls=null")

    assert done.returncode == 1
    assert "error: prod-temporal: 1 error, nothing was rendered" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--require", "hadolint"],
            "error: --require hadolint: no such verifier; there are celery-command, celery-settings, compose",
        ),
        (["--target", "nope"], "error: --target nope: profile dev-celery has the targets"),
        (["--output", "xml"], "error: --output xml: text or json"),
    ],
)
def test_wrong_usage(flags, message):
    """A flag without meaning says so and what there is."""
    done = taskgen("verify", "--profile", "dev-celery", *flags)

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(message)


def test_json():
    """Machines read every result with target, artifact, consumer, version, outcome and detail."""
    done = taskgen("verify", "--profile", "dev-celery", "--target", "settings", "-o", "json", check=True)
    (found,) = json.loads(done.stdout)
    plan = next(result for result in found["results"] if result["verifier"] == "plan")

    assert found["profile"] == "dev-celery"
    assert found["unverified"] == []
    assert plan == {
        "target": "settings",
        "verifier": "plan",
        "artifact": "settings/plan.json",
        "outcome": "passed",
        "detail": "",
        "version": plan["version"],
    }


class TestAbsentConsumers:
    """A Python without the consumers beside it, and an empty PATH."""

    @pytest.fixture(scope="class")
    @staticmethod
    def bare(tmp_path_factory):
        """A Python without Celery, without the schemas of Kubernetes, and without any program."""
        return python_without(tmp_path_factory.mktemp("bare"), "celery", "kubernetes_validate", "cloudcoil")

    def test_is_not_run(self, bare):
        """A missing program or package is told with its remedy, counted, and is no failure by itself."""
        done = taskgen_of(bare, "verify", "--profile", "dev-celery")
        lines = done.stdout.splitlines()

        assert done.returncode == 0, done.stdout + done.stderr
        celery = next(line.split() for line in lines if line.startswith("settings/celeryconfig.py"))
        rules = next(line.split() for line in lines if " promtool " in line)
        assert " ".join(celery[1:]).endswith(
            "celery-settings 1 not run not installed; get it: pip install 'taskgen-deploy[celery]'"
        )
        assert " ".join(rules).endswith("promtool 3 not run not installed; get it: apt-get install prometheus")
        assert " 0 failed, " in lines[-1]
        assert not lines[-1].endswith(" 0 not run")

    @pytest.mark.parametrize("required", ["all", "plan,dockerfile"])
    def test_required_is_a_failure(self, bare, required):
        """`--require` names what must have run: that it is absent then fails."""
        done = taskgen_of(bare, "verify", "--profile", "dev-celery", "--target", "image", "--require", required)

        assert done.returncode == 1
        assert "error: dev-celery: dockerfile is required, but was not run" in done.stderr

    def test_another_requirement_is_met(self, bare):
        """What is not required may be absent."""
        done = taskgen_of(bare, "verify", "--profile", "dev-celery", "--target", "settings", "--require", "plan")

        assert done.returncode == 0, done.stdout + done.stderr

    def test_kubernetes_packages(self, bare):
        """Consumers that are packages are not run either when they are missing."""
        done = taskgen_of(bare, "verify", "--profile", "staging-celery", "--target", "kubernetes")

        assert "get it: pip install 'kubernetes-validate>=1.37'" in done.stdout
        assert "get it: pip install 'cloudcoil-models-keda" in done.stdout
