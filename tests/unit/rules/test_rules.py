"""Every rule has a profile that breaks it and one that keeps it."""

from pathlib import Path

import pytest

from taskgen import pipeline
from taskgen.profile.files import Project
from taskgen.rules.catalogue import RULES
from taskgen.rules.engine import Severity

PROJECT = Project(Path(__file__).parents[2] / "fixtures" / "rules")
BASES = ("redis", "rabbitmq", "temporal", "hatchet")

# rule, base profile that keeps it, what breaks it, path of the finding
CASES = [
    ("C01", "redis", ["tiers.main.task.soft_time_limit=null"], "tiers.main.task.time_limit"),
    ("C02", "redis", ["tasks.do_once.acknowledge=late", "tasks.do_once.idempotent=false"], "tasks.do_once.acknowledge"),
    ("C04", "redis", ["tiers.main.shutdown.grace=1m"], "tiers.main.shutdown.grace"),
    ("C04", "redis", ["tiers.main.shutdown=cut", "tiers.main.task.idempotent=false"], "tiers.main.shutdown.mode"),
    ("C04", "redis", ["tiers.main.shutdown.mode=cut", "tiers.main.shutdown.soft=0s"], "tiers.main.shutdown.soft"),
    ("C04", "redis", ["tiers.main.shutdown.mode=cut", "tiers.main.shutdown.grace=20s"], "tiers.main.shutdown.grace"),
    ("C05", "redis", ["tiers.main.pool=threads", "tiers.main.shutdown=cut"], "tiers.main.shutdown.mode"),
    ("C06", "redis", ["tiers.main.pool=threads"], "tiers.main.task.soft_time_limit"),
    ("C06", "redis", ["tiers.main.pool=gevent", "tiers.main.max_tasks_per_child=9"], "tiers.main.max_tasks_per_child"),
    ("C08", "redis", ["tiers.main.pod.resources.memory=128Mi"], "tiers.main.pod.resources.memory"),
    ("C09", "redis", ["tiers.main.max_memory_per_child=1Gi"], "tiers.main.max_memory_per_child"),
    ("C14", "redis", ["schedules.s={task: do_it, every: 5m, expires: 1h}"], "schedules.s.expires"),
    ("C14", "redis", ['schedules.s={task: do_it, cron: "*/10 * * * *", expires: 11m}'], "schedules.s.expires"),
    ("C15", "redis", ["queues.lost={}"], "queues.lost"),
    ("C15", "redis", ["schedules.s={task: do_it, every: 5m, queue: nowhere}"], "schedules.s"),
    ("C23", "redis", ["backends.celery.settings.task_max_retries=3"], "backends.celery.settings.task_max_retries"),
    ("C25", "redis", ["tiers.main.retry.max_attempts=1"], "tiers.main.retry.max_attempts"),
    ("R01", "redis", ["backends.celery.broker.visibility_timeout=2m"], "backends.celery.broker.visibility_timeout"),
    ("R01", "redis", ["tiers.main.task.longest_delay=2h"], "tiers.main.task.longest_delay"),
    ("R03", "redis", ["tiers.main.recovery_goal=1m"], "tiers.main.recovery_goal"),
    ("R04", "redis", ["backends.celery.broker.memory=null"], "backends.celery.broker.memory"),
    ("R06", "redis", ["backends.celery.broker.max_connections=50"], "backends.celery.broker.max_connections"),
    ("R12", "redis", ["backends.celery.broker.url=valkey://broker:6379/0"], "backends.celery.broker.url"),
    ("Q01", "rabbitmq", ["backends.celery.broker.consumer_timeout=1m"], "backends.celery.broker.consumer_timeout"),
    ("Q02", "rabbitmq", ["backends.celery.broker.priorities=4"], "backends.celery.broker.priorities"),
    ("Q02", "rabbitmq", ["backends.celery.broker.queue_type=classic"], "backends.celery.broker.queue_type"),
    ("Q02", "rabbitmq", ["tiers.main.autoscale={min: 1, max: 4}"], "tiers.main.autoscale"),
    ("Q06", "rabbitmq", ["backends.celery.broker.nodes=2"], "backends.celery.broker.nodes"),
    ("Q07", "rabbitmq", ["backends.celery.broker.management_url=null"], "backends.celery.broker.management_url"),
    ("T01", "temporal", ["tiers.main.shutdown.grace=30s"], "tiers.main.shutdown.grace"),
    ("T03", "temporal", ["tiers.main.shutdown=cut", "tiers.main.retry.max_attempts=1"], "tiers.main.shutdown.mode"),
    ("T06", "temporal", ["tiers.main.recovery_goal=10s"], "tiers.main.recovery_goal"),
    ("T23", "temporal", ["backends.temporal.retention=1h"], "backends.temporal.retention"),
    ("H02", "hatchet", ["tiers.main.shutdown.grace=1m"], "tiers.main.shutdown.grace"),
    ("H11", "hatchet", ["backends.hatchet.tls_strategy=none"], "backends.hatchet.tls_strategy"),
    ("H12", "hatchet", ['queues.work.tasks=["Do.it"]'], "queues.work.tasks"),
    ("H12", "hatchet", ["schedules.s={task: do.it, every: 5m, queue: work}"], "schedules.s.task"),
    ("H22", "hatchet", ["tiers.main.slo.wait={p99: 30s}"], "tiers.main.slo.wait"),
    ("H23", "hatchet", ["tiers.main.task.idempotent=false"], "tiers.main.task.idempotent"),
    ("H24", "hatchet", ["tiers.main.shutdown=cut"], "tiers.main.shutdown.mode"),
    ("K06", "redis", ["tiers.main.scale.behavior.down.window=5s"], "tiers.main.scale.behavior.down.window"),
    ("K11", "redis", ["tiers.main.scale.min=0", "tiers.main.scale.signals=[backlog]"], "tiers.main.scale.signals"),
    ("K20", "redis", ["app.image.digest=null", "app.image.tag=1.0"], "app.image.digest"),
    ("K20", "redis", ["tiers.main.image={repository: r.example.com/x, tag: '1'}"], "tiers.main.image.digest"),
    ("K21", "redis", ["tiers.main.slo.success=93%"], "tiers.main.slo.success"),
    ("K32", "redis", ["tiers.main.scale.max=3"], "tiers.main.scale.max"),
    ("K33", "redis", ["tiers.main.slo.wait={p99: 20s}", "tiers.main.load.peak=90/s"], "tiers.main.slo.wait"),
    ("S04", "redis", ["backends.celery.broker.url=rediss://broker:6379/0"], "backends.celery.broker.url"),
    ("S05", "redis", ["backends.celery.broker.url=rediss://b:6379/0?ssl_cert_reqs=none"], "backends.celery.broker.url"),
    ("S06", "redis", ["backends.celery.broker.tls=false"], "backends.celery.broker.tls"),
    ("S07", "temporal", ["backends.temporal.tls=null"], "backends.temporal"),
    ("S12", "redis", ["backends.celery.broker.endpoint=null"], "backends.celery.broker.endpoint"),
    ("S12", "temporal", ["backends.temporal.endpoint.cidr=null"], "backends.temporal.endpoint"),
    ("U01", "redis", ["tiers.main.spot.weight=50"], "tiers.main.spot.weight"),
    ("U01", "redis", ["monitoring.dashboards=true"], "monitoring.dashboards"),
    ("U01", "redis", ["bootstrap.migrate.command=[migrate]"], "bootstrap"),
    ("U02", "redis", ["app.kind=command", "app.command=[run]"], "app.kind"),
    ("U03", "redis", [], "tiers.second.queues"),
    ("U04", "redis", ["app.env.ENVIRONMENT=dev"], "app.env.ENVIRONMENT"),
    ("U04", "redis", ["tiers.main.env.TASK_TIER=other"], "tiers.main.env.TASK_TIER"),
    ("U05", "temporal", ["tiers.main.task.soft_time_limit=50s"], "tiers.main.task.soft_time_limit"),
    ("U06", "redis", ["waivers.Z99=a reason that nobody needs"], "waivers.Z99"),
]
SECOND_TIER = (
    "tiers.second={queues: [work], task: {duration: {p50: 1s, p99: 9s}, time_limit: 30s, soft_time_limit: 20s,"
    " idempotent: true}, load: {rate: 1/s, peak: 2/s}, slo: {wait: {p99: 2m}}, retry: {max_attempts: 2}}"
)


def findings(base, overrides=()):
    """Findings of a fixture with overrides."""
    return pipeline.checked(base, project=PROJECT, overrides=list(overrides)).findings


@pytest.mark.parametrize("base", BASES)
def test_fixture_keeps_every_rule(base):
    """The base fixtures are clean, so each broken rule is the work of its overrides."""
    assert [str(finding) for finding in findings(base)] == []


@pytest.mark.parametrize(("rule", "base", "overrides", "path"), CASES, ids=[f"{case[0]}-{case[3]}" for case in CASES])
def test_rule_is_broken(rule, base, overrides, path):
    """What breaks a rule gives its finding, at the path that has to change."""
    found = findings(base, [SECOND_TIER] if rule == "U03" else overrides)

    assert (rule, path) in {(finding.rule, finding.path) for finding in found}


def test_every_rule_has_a_failing_fixture():
    """A rule without a case is a rule that nobody has seen fire."""
    # P01 needs a target with a limit and K15 a longer name than a tier may have: both have tests of their own.
    assert {entry.id for entry in RULES} - {case[0] for case in CASES} == {"P01", "K15"}


def test_waiver_turns_an_error_into_a_remark():
    """A waived finding keeps its place and shows the reason, and does not stop render."""
    this = pipeline.checked(
        "temporal",
        project=PROJECT,
        overrides=["backends.temporal.tls=null", "waivers.S07=a development server on this machine"],
    )

    (finding,) = [finding for finding in this.findings if finding.rule == "S07"]
    assert finding.waived == "a development server on this machine"
    assert not this.blocked


def test_severity_follows_the_environment():
    """The same breach is a note in development and an error in production."""
    overrides = ["backends.celery.broker.tls=false"]
    prod = {finding.rule: finding.severity for finding in findings("redis", overrides)}
    dev = {finding.rule: finding.severity for finding in findings("redis", [*overrides, "environment=dev"])}

    assert (prod["S06"], dev["S06"]) == (Severity.ERROR, Severity.NOTE)


def test_finding_says_where_what_and_what_to_do():
    """One line holds place, path, severity, rule, fault and remedy."""
    (finding,) = [
        finding for finding in findings("redis", ["backends.celery.settings.result_expire=60"]) if finding.rule == "C23"
    ]

    assert str(finding).endswith(
        "backends.celery.settings.result_expire: error C23 Celery has no setting result_expire,"
        " did you mean 'result_expires'?; write the name that Celery has, or set it per task under tasks:"
    )


def test_grace_within_the_limit_of_a_target():
    """A target's own limit of the grace period is a rule (P01)."""
    from datetime import timedelta

    from taskgen.plan.build import make_plan
    from taskgen.rules.platform import grace_fits_the_platform

    profile = pipeline.checked("redis", project=PROJECT).loaded.profile
    short = make_plan(profile, grace_limits={"kubernetes": timedelta(seconds=10)})
    long = make_plan(profile, grace_limits={"kubernetes": timedelta(seconds=120)})

    assert [breach.path for breach in grace_fits_the_platform.check(short)] == ["tiers.main.shutdown.grace"]
    assert list(grace_fits_the_platform.check(long)) == []
