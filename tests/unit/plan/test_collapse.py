"""One worker instead of all tiers: nothing that a tier states is lost."""

from pathlib import Path

import pytest

from taskgen.plan.collapse import collapsed
from taskgen.profile.files import Project
from taskgen.profile.loading import load

PROJECT = Project(Path(__file__).parents[2] / "fixtures" / "rules")
SECOND = (
    "tiers.second={queues: [more], task: {duration: {p50: 1s, p99: 9s}, time_limit: 30s, memory: 90Mi,"
    " ignore_result: true}, load: {rate: 1/s, peak: 2/s}, slo: {wait: {p99: 2m}}, env: {PAY: x},"
    " secret_env: {TOKEN: {secret: pay, key: token}}, retry: {max_attempts: 5}}"
)


@pytest.fixture
def worker():
    """The one tier of two."""
    return collapsed(load("redis", project=PROJECT, overrides=[SECOND, "collapse_tiers=true"]).profile).tiers["worker"]


def test_serves_every_queue(worker):
    """The queues of all tiers, each once."""
    assert worker.queues == ("work", "default", "more")


def test_takes_the_larger_facts(worker):
    """Longest limit, largest memory, most attempts; idempotent and without results only if all are."""
    assert (worker.task.time_limit.total_seconds(), worker.task.memory) == (60, 90 * 2**20)
    assert worker.retry.max_attempts == 5
    assert (worker.task.idempotent, worker.task.ignore_result) == (False, False)


def test_keeps_the_environment_of_each(worker):
    """Variables and secrets of every tier reach the worker."""
    assert worker.env == {"PAY": "x"}
    assert worker.secret_env["TOKEN"].key == "token"


def test_default_queue_is_served_once():
    """With several backends one worker takes what no route names, so that no queue is on two tiers."""
    overrides = [
        SECOND.replace("queues: [more]", "queues: [more], backend: temporal"),
        "tiers.main.backend=celery",
        "tiers.main.queues=[work]",
        "collapse_tiers=true",
        "backends.temporal={address: 't.example.com:7233'}",
    ]
    tiers = collapsed(load("redis", project=PROJECT, overrides=overrides).profile).tiers

    assert [tier.queues.count("default") for tier in tiers.values()] == [1, 0]
