"""Mistakes in the settings of workers, of the library and of brokers."""

from tests.unit.verifying.cases.case import Case

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

CASES = {
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
