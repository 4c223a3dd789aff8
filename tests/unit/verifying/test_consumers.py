"""Each consumer takes a good file and refuses a broken one: a consumer that accepts everything is no check."""

import pytest

from taskgen.verifying.catalogue import VERIFIERS
from tests.support.need import need
from tests.support.verifying import ask
from tests.unit.verifying.cases import CASES
from tests.unit.verifying.cases.case import Case


def verdict(case: Case, folder, text: str):
    """What the verifier of a case says about a text in place of the good file."""
    if case.consumer:
        need(case.consumer)
    verifier = VERIFIERS[case.verifier](None)
    return ask(verifier, folder, {**(case.beside or {}), case.path: text})[case.path]


GOOD = {
    (case.verifier, case.path, case.good, str(case.beside)): pytest.param(case, id=name) for name, case in CASES.items()
}
"""One case for each good file: several mistakes break the same one."""


class TestConsumer:
    """What every verifier promises."""

    @pytest.mark.parametrize("case", GOOD.values())
    def test_takes_the_good_file(self, case, tmp_path):
        """The file without the mistake passes, and the version of the consumer is told."""
        result = verdict(case, tmp_path, case.good)

        assert (result.outcome, result.detail) == ("passed", "")
        assert result.version

    @pytest.mark.parametrize("case", CASES.values(), ids=CASES)
    def test_refuses_the_broken_file(self, case, tmp_path):
        """The mistake fails with the words of the consumer."""
        assert case.good.count(case.old), "the change must change something"
        result = verdict(case, tmp_path, case.good.replace(case.old, case.new, 1))

        assert result.outcome == "failed"
        assert case.expected in result.detail


def test_every_verifier_has_a_negative_test():
    """Each verifier of this list has a broken file; Kubernetes, metrics and commands have tests of their own."""
    elsewhere = {
        "celery-command",
        "kubernetes",
        "kubernetes-crd",
        "kubernetes-objects",
        "kustomize",
        "metrics",
        "library",
    }

    assert {case.verifier for case in CASES.values()} == VERIFIERS.keys() - elsewhere


def test_a_secret_is_not_repeated(tmp_path):
    """The result names the line and the kind, never what stands there."""
    need("detect-secrets")
    found = ask(VERIFIERS["secrets"](None), tmp_path, {"a/a.yaml": "url: redis://me:hunter22@h\n"})

    assert "hunter22" not in str(found)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("image: a@sha256:" + "0123456789abcdef" * 4, id="the digest of an image"),
        pytest.param("secret: {secretName: temporal-mtls}", id="the name of a Secret"),
    ],
)
def test_what_only_looks_like_a_secret(tmp_path, line):
    """Lines of the allowed shapes are no finding."""
    need("detect-secrets")

    assert ask(VERIFIERS["secrets"](None), tmp_path, {"a/a.yaml": line + "\n"})["a/a.yaml"].outcome == "passed"


def test_a_setting_of_this_machine_decides_nothing(tmp_path, monkeypatch):
    """A broker in the environment of the caller is not what the settings are tried with."""
    need("celery")
    monkeypatch.setenv("TASK_CELERY_BROKER_URL", "nonsense://")
    text = 'import os\nbroker_url = os.environ.get("TASK_CELERY_BROKER_URL")\nassert broker_url is None\n'
    found = ask(VERIFIERS["celery-settings"](None), tmp_path, {"settings/celeryconfig.py": text})

    assert found["settings/celeryconfig.py"].detail == ""
