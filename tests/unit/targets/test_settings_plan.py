"""plan.json, as the runtime library reads it."""

import json
from datetime import timedelta

import pytest

from task_abstraction.config import parse_plan
from task_abstraction.policy import TaskPolicy, effective_policy
from taskgen.plan.document import plan_document
from tests.support.in_memory import SHIPPED, plan_of, texts

POLICY_KEYS = {
    *("time_limit_s", "soft_time_limit_s", "max_attempts", "initial_delay_s", "backoff", "max_delay_s", "jitter"),
    *("non_retryable", "acks_late", "idempotent", "priority", "rate_limit", "expires_s", "heartbeat_s"),
    *("schedule_timeout_s", "ignore_result"),
}


def changed_task(**facts):
    """A change of the task facts of tier `high`."""

    def change(profile):
        tier = profile.tiers["high"]
        tier = tier.model_copy(update={"task": tier.task.model_copy(update=facts)})
        return profile.model_copy(update={"tiers": {**profile.tiers, "high": tier}})

    return change


@pytest.mark.parametrize("name", SHIPPED)
class TestShippedProfiles:
    """What holds for every profile."""

    def test_file_is_the_document(self, name):
        """The rendered file is the document of the plan, nothing else."""
        assert json.loads(texts(name, "settings")["settings/plan.json"]) == plan_document(plan_of(name))

    def test_library_reads_every_tier(self, name):
        """The library finds each tier with its queues, slots, pool and times."""
        plan = plan_of(name)
        read = parse_plan(plan_document(plan))

        for tier in plan.tiers:
            found = read.tiers[tier.name]
            assert (found.backend, found.queues, found.concurrency) == (tier.backend, tier.queues, tier.concurrency)
            assert (found.pool, found.shutdown, found.prefetch) == (tier.pool, tier.shutdown_mode, tier.prefetch)
            assert timedelta(seconds=found.grace_s) == tier.grace
            assert found.duration_buckets == tuple(tier.duration_buckets)
            assert found.command == tier.command

    def test_library_routes_as_the_plan_does(self, name):
        """Every route leads to a queue that the library knows, and that a tier serves."""
        read = parse_plan(plan_document(plan_of(name)))

        assert all(read.tiers_of_queue(queue) for _, queue in read.routes)
        assert set(read.queues) >= {queue for _, queue in read.routes}

    def test_policies_use_the_keys_of_the_library(self, name):
        """No key of a policy is one that nothing reads."""
        document = plan_document(plan_of(name))
        policies = [tier["task"] for tier in document["tiers"].values()] + [policy for _, policy in document["tasks"]]

        assert set().union(*policies) <= POLICY_KEYS
        retry = {"max_attempts", "initial_delay_s", "backoff", "max_delay_s", "jitter", "non_retryable"}
        assert POLICY_KEYS - retry <= set(TaskPolicy.__dataclass_fields__)


class TestPolicy:
    """The policy of a tier's tasks."""

    def test_limits_and_retry_reach_the_library(self):
        """Limits, retry and acknowledgement of a tier become the policy of its tasks."""
        read = parse_plan(plan_document(plan_of("prod-celery")))
        policy = effective_policy("extract_text", None, read, read.tiers["file"])

        assert (policy.time_limit_s, policy.soft_time_limit_s, policy.acks_late) == (300, 270, True)
        assert (policy.retry.max_attempts, policy.retry.initial_delay) == (3, timedelta(seconds=10))
        assert policy.non_retryable_names == {"ValueError"}

    @pytest.mark.parametrize(
        ("name", "tier", "key", "expected"),
        [
            pytest.param("prod-temporal", "low", "heartbeat_s", 30, id="temporal beats for long tasks"),
            pytest.param("prod-temporal", "callback", "heartbeat_s", None, id="but not for short ones"),
            pytest.param("prod-hatchet", "high", "schedule_timeout_s", 3600, id="hatchet keeps waiting tasks"),
            pytest.param("prod-celery", "high", "schedule_timeout_s", None, id="celery knows no such time"),
        ],
    )
    def test_times_of_one_backend(self, name, tier, key, expected):
        """A time that only one backend knows stands only there."""
        assert plan_document(plan_of(name))["tiers"][tier]["task"].get(key) == expected

    def test_early_acknowledgement_without_idempotence(self):
        """A tier whose tasks are not idempotent acknowledges early: a second run would do harm."""
        document = plan_document(plan_of("prod-celery", change=changed_task(idempotent=False)))

        assert document["tiers"]["high"]["task"]["acks_late"] is False
        assert document["tiers"]["medium"]["task"]["acks_late"] is True

    def test_one_task_among_many(self):
        """A task that is not idempotent has its own line; the rest of its tier stays as it was."""
        document = plan_document(
            plan_of("prod-celery", 'tasks={"extract_invoice": {idempotent: false, time_limit: 2m}}')
        )

        assert document["tasks"] == [
            ["extract_invoice", {"time_limit_s": 120, "idempotent": False, "acks_late": False}]
        ]
        assert document["tiers"]["file"]["task"]["acks_late"] is True


class TestTier:
    """What only some tiers have."""

    def test_early_acknowledgement_on_redis_hoards_nothing(self):
        """A tier that acknowledges early and has long tasks fetches no task ahead."""
        document = plan_document(
            plan_of(
                "prod-celery",
                change=changed_task(
                    idempotent=False,
                    duration=plan_of("prod-celery").tier("file").profile.task.duration,
                ),
            )
        )

        assert document["tiers"]["high"]["disable_prefetch"] is True
        assert document["tiers"]["file"]["disable_prefetch"] is False

    def test_recycling_in_the_units_of_celery(self):
        """Recycling stands in tasks and KiB, and only where the profile asks for it."""
        overrides = ("tiers.file.max_tasks_per_child=500", "tiers.file.max_memory_per_child=200Mi")
        tiers = plan_document(plan_of("prod-celery", *overrides))["tiers"]

        assert (tiers["file"]["max_tasks_per_child"], tiers["file"]["max_memory_per_child_kib"]) == (500, 204800)
        assert "max_tasks_per_child" not in tiers["high"]

    def test_soft_shutdown_only_where_it_acts(self):
        """A cut tier has the time that its tasks still get; a draining one has none."""
        tiers = plan_document(plan_of("prod-celery", "tiers.file.shutdown={mode: cut, soft: 20s}"))["tiers"]

        assert (tiers["file"]["shutdown"], tiers["file"]["soft_shutdown_s"]) == ("cut", 20)
        assert (tiers["high"]["shutdown"], tiers["high"]["soft_shutdown_s"]) == ("drain", None)

    def test_schedules_with_everything(self):
        """A schedule keeps its rhythm, zone, queue, expiry and arguments."""
        override = (
            "schedules.hourly={task: report_usage, every: 1h, queue: low_priority, kwargs: {days: 1}, priority: 3}"
        )
        schedule = plan_document(plan_of("prod-celery", override))["schedules"]["hourly"]

        assert (schedule["task"], schedule["every_s"], schedule["expires_s"]) == ("report_usage", 3600, 3600)
        assert (schedule["queue"], schedule["timezone"], schedule["priority"]) == ("low_priority", "UTC", 3)
        assert (schedule["args"], schedule["kwargs"], schedule["enabled"]) == ([], {"days": 1}, True)
        assert "cron" not in schedule

    def test_default_queue_names_its_backend(self):
        """In a hybrid profile the default queue says where a task without a route goes."""
        document = plan_document(plan_of("prod-hybrid"))

        assert document["default_backend"] == document["queues"]["default"]["backend"] == "celery"
