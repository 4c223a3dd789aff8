"""Mistakes in what programs read: Compose, images, shell, YAML, Prometheus, and secrets anywhere."""

from tests.unit.verifying.cases.case import Case

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
}
