"""Each consumer takes a good file and refuses a broken one: a consumer that accepts everything is no check."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from taskgen.verifying.catalogue import VERIFIERS
from tests.support.need import need
from tests.support.verifying import ask

COMPOSE = "name: x\nservices:\n  one:\n    image: redis:7\n    command: ['${SOME_SECRET:?set it}']\n"
DOCKERFILE = 'FROM python:3.12-slim\nWORKDIR /app\nCOPY app/ /app/\nCMD ["python", "-m", "app"]\n'
IGNORE = "*\n!app\n**/.env*\n**/.git\n**/__pycache__\n"
RULES = "groups:\n  - name: g\n    rules:\n      - {alert: A, expr: up == 0, for: 1m}\n"
RULE_TESTS = """\
rule_files: [rules.yaml]
tests:
  - interval: 1m
    input_series: [{series: 'up', values: '0x10'}]
    alert_rule_test: [{eval_time: 5m, alertname: A, exp_alerts: [{exp_labels: {}}]}]
"""
SCRAPE = "scrape_configs:\n  - job_name: one\n    static_configs: [{targets: ['one:80']}]\n"
OBJECT = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec:\n  groups:\n{}"
CELERY = 'broker_url = None\ntask_acks_late = True\ntask_routes = [[("a_*", {"queue": "b"})]]\n'
TEMPORAL = """\
from datetime import timedelta
SUBMIT = {"mode": "auto"}
WORKER = {"high": {"max_concurrent_activities": 4, "graceful_shutdown_timeout": timedelta(seconds=30)}}
PROMETHEUS = {"counters_total_suffix": True}
BUCKETS = {"high": {"activity_execution_latency": [0.5, 1.0]}}
"""
HATCHET = """\
from datetime import timedelta
WORKER = {"high": {"slots": 4, "durable_slots": 10, "labels": {"pool": "high"}}}
TASK = {"high": {"execution_timeout": timedelta(seconds=60), "retries": 2, "backoff_factor": 2.0}}
"""
PLAN = """\
{"profile": "x", "queues": {"a": {"backend": "celery", "tiers": ["high"]}}, "routes": [["x_*", "a"]],
 "tasks": [["x_*", {"max_attempts": 2}]], "tiers": {"high": {"backend": "celery", "queues": ["a"], "task": {}}}}
"""


@dataclass(frozen=True)
class Case:
    """A good file, and one change that breaks it."""

    verifier: str
    path: str
    good: str
    old: str
    new: str
    expected: str
    """part of what the consumer says"""
    consumer: str | None = None
    """name for `need`"""
    beside: Mapping[str, str] | None = None
    """other files of the tree"""


CASES = {
    "an unknown key of a service": Case(
        "compose", "compose/compose.yaml", COMPOSE, "image", "imagee", "services.one.imagee", "compose"
    ),
    "a size with a wrong unit": Case(
        "compose", "compose/compose.yaml", COMPOSE + "    mem_limit: 1g\n", "1g", "1gib2", "invalid", "compose"
    ),
    "an environment file that is not there": Case(
        "compose", "compose/compose.yaml", COMPOSE + "    env_file: []\n", "[]", "[a.env]", "a.env", "compose"
    ),
    "a mistake behind a profile of Compose": Case(
        "compose",
        "compose/compose.yaml",
        COMPOSE + "    profiles: [later]\n    networks: [default]\n",
        "[default]",
        "[absent]",
        "absent",
        "compose",
    ),
    "a space that a shell takes for a command": Case(
        "environment", "settings/env/a.env", "A=b\n", "b", "b c", "sh: ", "compose"
    ),
    "a variable that both expand": Case(
        "environment", "settings/env/a.env", "A=b\n", "b", "$HOME/x", "HOME", "compose"
    ),
    "an image without a fixed version": Case(
        "dockerfile", "image/Dockerfile", DOCKERFILE, ":3.12-slim", "", "DL3006", "hadolint"
    ),
    "an unknown instruction": Case("dockerfile", "image/Dockerfile", DOCKERFILE, "WORKDIR", "WORKDIRR", "", "hadolint"),
    "an ignore file that hides what is copied": Case(
        "dockerignore",
        "image/Dockerfile.dockerignore",
        IGNORE,
        "!app\n",
        "",
        "app/deep/code.py is copied",
        "docker-client",
        beside={"image/Dockerfile": DOCKERFILE},
    ),
    "an ignore file that lets secrets through": Case(
        "dockerignore",
        "image/Dockerfile.dockerignore",
        IGNORE,
        "**/.env*\n",
        "",
        "app/.env would go into the build",
        "docker-client",
        beside={"image/Dockerfile": DOCKERFILE},
    ),
    "a rule with half an expression": Case(
        "promtool", "prometheus/rules.yaml", RULES, "up == 0", "up ==", "parse error", "promtool"
    ),
    "an alert that does not fire": Case(
        "promtool",
        "prometheus/rules.test.yaml",
        RULE_TESTS,
        "'0x10'",
        "'1x10'",
        "FAILED",
        "promtool",
        {"prometheus/rules.yaml": RULES},
    ),
    "a rule file that is not there": Case(
        "promtool", "prometheus/prometheus.yml", SCRAPE + "rule_files: []\n", "[]", "[a.yaml]", "a.yaml", "promtool"
    ),
    "an object with a broken rule": Case(
        "promtool",
        "kubernetes/eu/rule.yaml",
        OBJECT.format("".join(f"  {line}\n" for line in RULES.splitlines()[1:])),
        "for: 1m",
        "for: 1minute",
        "not a valid duration",
        "promtool",
    ),
    "a key that is there twice": Case("yaml", "a/a.yaml", "a: 1\nb: 2\n", "b", "a", "key-duplicates", "yamllint"),
    "a word that YAML 1.1 reads as a boolean": Case(
        "yaml", "a/a.yaml", "a: true\n", "true", "yes", "truthy", "yamllint"
    ),
    "a shell variable without quotes": Case(
        "shell", "a/run.sh", '#!/bin/sh\nrm -- "$1"\n', '"$1"', "$1", "SC2086", "shellcheck"
    ),
    "a token of AWS": Case(
        "secrets", "a/a.env", "A=b\n", "b", "AKIA" + "IOSFODNN7REALKEY", "AWS Access Key", "detect-secrets"
    ),
    "a password in an address": Case(
        "secrets", "a/a.yaml", "url: redis://h\n", "h", "me:hunter22@h", "Basic Auth", "detect-secrets"
    ),
    "a setting that Celery does not have": Case(
        "celery-settings",
        "settings/celeryconfig.py",
        CELERY,
        "acks_late",
        "ack_late",
        "task_ack_late: Celery has no such setting",
        "celery",
    ),
    "routes of a shape that breaks every submit": Case(
        "celery-settings",
        "settings/celeryconfig.py",
        CELERY,
        '[[("a_*", {"queue": "b"})]]',
        '[("a_*", {"queue": "b"}, 1)]',
        "Celery cannot use it",
        "celery",
    ),
    "an argument that the Temporal worker does not take": Case(
        "temporal-settings",
        "settings/temporal_settings.py",
        TEMPORAL,
        "max_concurrent_activities",
        "max_activities",
        "max_activities is no parameter of Worker",
        "temporalio",
    ),
    "a timeout of the wrong type": Case(
        "temporal-settings",
        "settings/temporal_settings.py",
        TEMPORAL,
        "timedelta(seconds=30)",
        "30",
        "graceful_shutdown_timeout is 30",
        "temporalio",
    ),
    "no slots": Case(
        "temporal-settings", "settings/temporal_settings.py", TEMPORAL, "4", "0", "at least 1", "temporalio"
    ),
    "an option that PrometheusConfig does not take": Case(
        "temporal-settings",
        "settings/temporal_settings.py",
        TEMPORAL,
        "counters_total_suffix",
        "total_suffix",
        "total_suffix is no parameter of PrometheusConfig",
        "temporalio",
    ),
    "buckets that are no numbers": Case(
        "temporal-settings", "settings/temporal_settings.py", TEMPORAL, "0.5", "'x'", "BUCKETS[high]", "temporalio"
    ),
    "an option that Hatchet.task does not take": Case(
        "hatchet-settings",
        "settings/hatchet_settings.py",
        HATCHET,
        "execution_timeout",
        "timeout",
        "timeout is no parameter of Hatchet.task",
        "hatchet-sdk",
    ),
    "an option that Hatchet.worker does not take": Case(
        "hatchet-settings",
        "settings/hatchet_settings.py",
        HATCHET,
        '"slots"',
        '"max_runs"',
        "max_runs is no parameter of Hatchet.worker",
        "hatchet-sdk",
    ),
    "a factor that no registration can hold": Case(
        "hatchet-settings",
        "settings/hatchet_settings.py",
        HATCHET,
        "2.0",
        "'two'",
        "high: the SDK cannot",
        "hatchet-sdk",
    ),
    "a module that needs a package": Case(
        "python", "settings/celeryconfig.py", "import json\n", "json", "celery", "No module named 'celery'"
    ),
    "a module that does not compile": Case("python", "settings/a.py", "a = [1]\n", "]", "", "SyntaxError"),
    "an escape that Python warns of": Case("python", "settings/a.py", "a = 'd'\n", "'d'", "'\\d'", "invalid escape"),
    "a plan with a key that the library would skip": Case(
        "plan", "settings/plan.json", PLAN, '"task": {}', '"taks": {}', "tiers.high: the library ignores taks"
    ),
    "a policy with a key that the library would skip": Case(
        "plan", "settings/plan.json", PLAN, "max_attempts", "max_tries", "the library ignores max_tries"
    ),
    "a route to a queue that nobody serves": Case(
        "plan", "settings/plan.json", PLAN, '["x_*", "a"]', '["x_*", "b"]', "no tier serves b"
    ),
    "a policy that the library refuses": Case(
        "plan", "settings/plan.json", PLAN, '"max_attempts": 2', '"max_attempts": 0', "max_attempts"
    ),
    "a plan that is no JSON": Case("plan", "settings/plan.json", PLAN, "{", "", "JSONDecodeError"),
    "a directive that Redis does not have": Case(
        "redis", "settings/redis.conf", "maxmemory-policy noeviction\n", "policy", "polisy", "maxmemory-polisy", "redis"
    ),
    "a value that Redis does not take": Case(
        "redis", "settings/redis.conf", "maxmemory-policy noeviction\n", "noeviction", "never", "argument", "redis"
    ),
    "a key that RabbitMQ does not have": Case(
        "rabbitmq", "settings/rabbitmq.conf", "consumer_timeout = 60000\n", "r_t", "rt", "consumertimeout", "rabbitmq"
    ),
}


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
