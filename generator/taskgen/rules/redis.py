"""Rules of family R: Celery with Redis or Valkey as broker; when messages come back, and who reads them where."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from taskgen.plan.model import Plan
from taskgen.plan.redelivery import SWEEP, VISIBILITY_MARGIN
from taskgen.profile.scalars import format_duration as text
from taskgen.rules.engine import Breach, rule
from taskgen.rules.reading import broker, redis, setting

AT: Final = "backends.celery.broker"
LONGEST_ETA: Final = timedelta(hours=1)
TRANSPORTS: Final = ("broker_transport_options", "result_backend_transport_options")


@rule(
    "R01",
    "W/E/E",
    why="a task that still runs, or still waits for its time, is delivered again, in a loop",
    reference="celery#5935, celery#3270; [Celery 4], measured",
    remedy="raise visibility_timeout or leave it out; long delays belong to a schedule or a database",
)
def visibility_timeout_is_long_enough(plan: Plan) -> Iterator[Breach]:
    """The visibility timeout exceeds the longest task plus the longest delay plus 100 s; no delay exceeds an hour."""
    if not broker(plan, "redis", "redis-sentinel", "sqs"):
        return
    for tier in plan.tiers_of("celery"):
        need = tier.time_limit + tier.eta + VISIBILITY_MARGIN
        if plan.visibility_timeout <= need - timedelta(microseconds=1):
            what = f"{text(plan.visibility_timeout)} is shorter than what tier {tier.name} needs: {text(need)}"
            yield Breach(f"{AT}.visibility_timeout", what)
        if tier.eta > LONGEST_ETA:
            inputs = plan.trails[f"tiers.{tier.name}.eta"].inputs
            path = max(inputs, key=lambda entry: entry.value).path
            yield Breach(
                path.replace(".longest_retry_delay", ".retry.max_delay"),
                f"{text(tier.eta)} is longer than the hour that the broker should hold a task",
            )


@rule(
    "R02",
    "E/E/E",
    why="it acts in one place only, and the smallest one of a broker wins: tasks come back too early, or never",
    reference="[Celery 4]: set for results alone, no redelivery in 45 s, measured; seed 003 line 679",
    remedy="remove it, and set backends.celery.broker.visibility_timeout: it is written to all three places",
)
def visibility_timeout_has_one_place(plan: Plan) -> Iterator[Breach]:
    """The visibility timeout is a field of the broker, not an option of a transport."""
    for options in TRANSPORTS:
        found = setting(plan, options, "visibility_timeout")
        if found:
            yield Breach(
                found[0], f"{found[1]} stands beside the {text(plan.visibility_timeout or timedelta())} planned"
            )


@rule(
    "R03",
    "N/W/W",
    why="the tasks of a killed worker wait until the visibility timeout and a sweep have passed",
    reference="[Celery 4]: 101 s with the default sweep, 7.3 s with both options 1, measured",
    remedy="raise recovery_goal, shorten time_limit or retry.max_delay, use shutdown: cut, RabbitMQ, or split the tier"
    " (R01 sets the lower bound)",
)
def recovery_is_soon_enough(plan: Plan) -> Iterator[Breach]:
    """Visibility timeout plus sweep stay within the recovery goal."""
    if not redis(plan):
        return
    for tier in plan.tiers_of("celery"):
        bound = plan.visibility_timeout + SWEEP
        if tier.acks_late and bound > tier.recovery_goal:
            what = f"a killed worker's tasks run again after up to {text(bound)}, later than {text(tier.recovery_goal)}"
            yield Breach(f"tiers.{tier.name}.recovery_goal", what)


@rule(
    "R07",
    "E/E/E",
    why="exporter, scaler or producer look at keys that no worker uses",
    reference="[Celery 7]",
    remedy="remove it, and set backends.celery.broker.key_prefix",
)
def prefix_has_one_place(plan: Plan) -> Iterator[Breach]:
    """The prefix of keys is a field of the broker, not an option of a transport."""
    for options in TRANSPORTS:
        found = setting(plan, options, "global_keyprefix")
        if found:
            yield Breach(found[0], "the prefix of keys is typed beside the broker's field")


@rule(
    "R08",
    "E/E/E",
    why="each level has a list of its own: exporter and scaler count only those they know, and the order is not kept",
    reference="[Celery 6]: an exporter saw 1 of 13 messages, LLEN 5 of 8, measured",
    remedy="set backends.celery.broker.priorities to the number of levels",
)
def priorities_are_declared(plan: Plan) -> Iterator[Breach]:
    """Where tasks have priorities, the broker's levels are stated, and only there."""
    found = redis(plan)
    if not found:
        return
    for name in ("priority_steps", "queue_order_strategy", "sep"):
        typed = setting(plan, "broker_transport_options", name)
        if typed:
            yield Breach(typed[0], f"{name} is typed beside broker.priorities", "remove it, and set broker.priorities")
    if found.priorities is None:
        used = [task.glob for task in plan.tasks if task.policy.get("priority") is not None]
        used += [entry.name for entry in plan.schedules if entry.backend == "celery" and entry.priority is not None]
        if used:
            yield Breach(f"{AT}.priorities", f"{', '.join(used)} have priorities, the broker has no levels")
