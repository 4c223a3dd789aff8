"""What is rendered for applications that were not written with the library."""

import pytest

from taskgen.verifying.settings import celery_command
from tests.support.in_memory import plan_of
from tests.support.need import need
from tests.support.verifying import ask

COMMAND = [
    "app.kind=command",
    "app.module=null",
    'app.command=[python, -m, own, "--of={queues}", "--slots={concurrency}", "{tier}", "{grace}", "{other}"]',
]


def names(tier):
    """Names of a worker's variables."""
    return {variable.name for variable in tier.env}


def test_celery_runs_its_own_worker_with_every_flag_that_it_has():
    """What the command line can say stands there; the rest comes by the included module."""
    tier = plan_of(
        "prod-existing", "tiers.orders.max_tasks_per_child=500", "tiers.orders.max_memory_per_child=64Mi"
    ).tier("orders")

    assert tier.command == (
        "celery",
        "--quiet",
        "--app=proj.celery_app",
        "worker",
        "--queues=orders",
        "--concurrency=4",
        "--pool=prefork",
        "--prefetch-multiplier=1",
        "--hostname=orders@%h",
        "--loglevel=INFO",
        "--time-limit=60",
        "--soft-time-limit=50",
        "--max-tasks-per-child=500",
        "--max-memory-per-child=65536",
        "--optimization=fair",
        "--include=task_abstraction.integrations.celery",
    )
    assert names(tier) == {
        "CELERY_BROKER_URL",
        "CELERY_RESULT_BACKEND",
        "ENVIRONMENT",
        "TASK_HEALTH_PORT",
        "TASK_LOG_FORMAT",
        "TASK_TIER",
    }


def test_threads_are_given_no_flag_that_they_ignore():
    """Only prefork ends a task or replaces a child."""
    overrides = ["tiers.orders.pool=threads", "tiers.orders.task.soft_time_limit=null"]
    command = " ".join(plan_of("prod-existing", *overrides).tier("orders").command)

    assert "--pool=threads" in command
    assert "limit" not in command


def test_gevent_is_given_the_limit_that_it_keeps():
    """It ends a task at the hard limit, and has no soft one."""
    overrides = ["tiers.orders.pool=gevent", "tiers.orders.task.soft_time_limit=null"]
    command = plan_of("prod-existing", *overrides).tier("orders").command

    assert "--time-limit=60" in command
    assert not any(word.startswith("--soft") for word in command)


def test_solo_counts_as_one_slot():
    """It runs one task at a time whatever it is told, and replicas are counted by that."""
    tier = plan_of("staging-celery", "tiers.api.pool=solo", "tiers.api.concurrency=auto").tier("api")

    assert tier.concurrency == 1


def test_a_command_is_told_its_tier_where_it_asks():
    """Known words in braces are filled for each tier, others stay; the SDK's own names hold the connection."""
    tier = plan_of("staging-temporal", *COMMAND).tier("api")

    assert tier.command == (
        "python",
        "-m",
        "own",
        "--of=api_processing",
        f"--slots={tier.concurrency}",
        "api",
        str(int(tier.grace.total_seconds())),
        "{other}",
    )
    assert {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "ENVIRONMENT"} <= names(tier)
    assert not any(name.startswith("TASK_") for name in names(tier))


@pytest.mark.parametrize(
    ("profile", "overrides", "alerts"),
    [
        (
            "prod-existing",
            [],
            {"TierNoConsumers", "TierBacklogTooDeep", "TierDeadLetter", "TierStalled", "TierPlanDifference"},
        ),
        ("staging-temporal", COMMAND, {"TierNoConsumers", "TierOldestTaskTooOld"}),
        ("staging-celery", [*COMMAND, "schedules=null"], {"TierNoConsumers", "TierBacklogTooDeep", "TierDeadLetter"}),
    ],
)
def test_alerts_ask_only_for_what_somebody_counts(profile, overrides, alerts):
    """Waits are unknown where messages carry no time, and a command serves no metric of ours."""
    plan = plan_of(profile, *overrides)
    found = {alert.alert for tier in plan.rules.tiers for alert in tier.alerts}

    assert alerts <= found
    assert not any(name.startswith("TierWait") for name in found)
    if plan.profile.app.kind == "command":
        assert found == alerts


def test_beat_is_that_of_the_application():
    """Its own schedules by Celery's own scheduler; those of the profile are added by ours."""
    own = plan_of("prod-existing").beat
    both = plan_of("prod-existing", "schedules.sweep={task: orders.tasks.ship, every: 5m}").beat
    none = plan_of("prod-existing", "app.beat=false").beat

    assert own.command[:3] == ("celery", "--app=proj.celery_app", "beat")
    assert not any(word.startswith("--scheduler") for word in own.command)
    assert both.command[-1] == "--scheduler=task_abstraction.integrations.celery_beat:PlanScheduler"
    assert none is None


@pytest.mark.parametrize(
    ("flag", "problem"),
    [
        ("--concurrency=2", ""),
        ("--concurency=2", "tiers.a: celery worker has no --concurency"),
        ("--quiet", "tiers.a: celery worker has no --quiet"),
        ("--without-gossip=1", "tiers.a: celery worker --without-gossip takes no value"),
        ("--concurrency", "tiers.a: celery worker --concurrency takes a value"),
        ("--pool=forks", "tiers.a: celery worker --pool: forks is none of prefork"),
    ],
)
def test_celery_itself_is_asked_about_its_flags(tmp_path, flag, problem):
    """The installed Celery names what it does not take."""
    need("celery")
    text = f'{{"tiers": {{"a": {{"command": ["celery", "--quiet", "--app=p", "worker", "{flag}"]}}}}}}'
    found = ask(celery_command("celery"), tmp_path, {"settings/plan.json": text})["settings/plan.json"]

    assert found.detail.startswith(problem)
    assert bool(found.detail) is bool(problem)
