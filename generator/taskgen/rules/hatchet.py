"""Rules of family H: Hatchet."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from taskgen.plan.model import Plan
from taskgen.plan.routing import policies_of
from taskgen.profile.paths import join
from taskgen.profile.scalars import format_duration as text
from taskgen.rules.engine import Breach, rule
from taskgen.rules.environment import stated
from taskgen.rules.reading import options, port_of

MARGIN: Final = timedelta(seconds=30)
FIRST_DELAY: Final = timedelta(seconds=1000)
"""The engine's delay before repetition n is backoff_factor^n seconds, and the factor is at most 1000."""
LONGEST_DELAY: Final = timedelta(days=1)
"""Largest backoff_max_seconds: 86400 ([Hatchet 3], source)."""
PAYLOAD: Final = 4 * 2**20
"""Default limit of gRPC messages, in client and engine ([Hatchet], source)."""
UNREAD: Final = {"HATCHET_SERVER_URL": "backends.hatchet.server_url"}
TIMER_DELAY: Final = timedelta(seconds=60)
"""Retry timers are polled every 1 to 30 s: asked 2 s, came after 23 to 44 s (engine-measured)."""
_NAME = re.compile(r"[a-z][a-z0-9_*?\[\]-]*")


@rule(
    "H02",
    "W/E/E",
    why="the worker drains without a limit of its own and is killed in the middle of a task",
    reference="[Hatchet 6]: exit about 4 s after the last task, measured",
    remedy="raise shutdown.grace, or leave it out: it is derived",
)
def grace_covers_the_longest_task(plan: Plan) -> Iterator[Breach]:
    """The grace period is at least the execution timeout plus 30 s."""
    for tier in plan.tiers_of("hatchet"):
        if tier.shutdown_mode == "drain" and tier.grace < tier.time_limit + MARGIN:
            what = f"{text(tier.grace)} is shorter than time_limit + 30s = {text(tier.time_limit + MARGIN)}"
            yield Breach(f"tiers.{tier.name}.shutdown.grace", what)


@rule(
    "H12",
    "E/E/E",
    why="the engine lower-cases names, and scaling reads them as JSON paths: such tasks are lost or not counted",
    reference="[Hatchet 0] and [Hatchet 3], engine-measured",
    remedy="name tasks with lower-case letters, digits, _ and -",
)
def names_survive_the_engine(plan: Plan) -> Iterator[Breach]:
    """Names of tasks on Hatchet have no dots and no capitals."""
    for queue in plan.queues:
        if queue.backend == "hatchet":
            for glob in queue.tasks:
                if not _NAME.fullmatch(glob) and glob != "*":
                    yield Breach(
                        f"queues.{queue.name}.tasks", f"task name {glob} has a dot, a capital or begins with no letter"
                    )
    for schedule in plan.schedules:
        if schedule.backend == "hatchet" and not _NAME.fullmatch(schedule.task):
            yield Breach(
                f"schedules.{schedule.name}.task",
                f"task name {schedule.task} has a dot, a capital or begins with no letter",
            )


@rule(
    "H22",
    "W/W/W",
    why="a declared retry delay is a minimum: it comes up to 30 s late per attempt in an idle tenant",
    reference="[Hatchet 0]: asked 2 s, came after 23 to 44 s, engine-measured",
    remedy="allow a wait goal of 60s and more, or one attempt",
)
def retried_tasks_have_loose_goals(plan: Plan) -> Iterator[Breach]:
    """A tier whose tasks are retried has a wait goal of at least 60 s."""
    for tier in plan.tiers_of("hatchet"):
        if tier.max_attempts > 1 and tier.wait_goal < TIMER_DELAY:
            yield Breach(
                f"tiers.{tier.name}.slo.wait",
                f"{text(tier.wait_goal)} cannot be kept by a task that is retried",
            )


@rule(
    "H23",
    "W/E/E",
    why="after the timeout the old thread runs on beside the next attempt",
    reference="[Hatchet 0]: 12 s beside the second attempt, engine-measured",
    remedy="declare idempotent: true, or cancellable: true for tasks that are coroutines or poll cancellation",
)
def overlapping_attempts_are_harmless(plan: Plan) -> Iterator[Breach]:
    """Tasks that are retried are idempotent, or notice that they were cancelled."""
    for tier in plan.tiers_of("hatchet"):
        if tier.max_attempts > 1 and not tier.all_idempotent and not tier.cancellable:
            yield Breach(f"tiers.{tier.name}.task.idempotent", "attempts of one task may overlap")


@rule(
    "H24",
    "W/E/E",
    why="a sync task keeps the process to its end all the same, its result is thrown away, and it runs again",
    reference="[Hatchet 0]: 12 s, then again 27 s later, engine-measured",
    remedy="use shutdown: drain, or declare cancellable: true for coroutines",
)
def only_coroutines_are_cut(plan: Plan) -> Iterator[Breach]:
    """Only tasks that can be cancelled are cut."""
    for tier in plan.tiers_of("hatchet"):
        if tier.shutdown_mode == "cut" and not tier.cancellable:
            yield Breach(f"tiers.{tier.name}.shutdown.mode", "its tasks cannot be cancelled")


@rule(
    "H14",
    "E/E/E",
    why="a worker pauses over REST before it stops: without it every stop hangs; without gRPC nothing runs",
    reference="[Hatchet 6]: 10 s, measured; HATCHET_SERVER_URL is ignored, measured (seed 000)",
    remedy="list the ports of host_port and server_url in backends.hatchet.endpoint.ports",
)
def both_addresses_are_reachable(plan: Plan) -> Iterator[Breach]:
    """Network policies open the engine's gRPC port and its REST port, whose address has a name that is read."""
    for path, field in stated(plan, UNREAD):
        yield Breach(path, "neither the SDK nor the library reads it", f"remove it, and set {field}")
    hatchet = plan.profile.backends.hatchet
    kubernetes = options(plan, "kubernetes")
    if hatchet is None or hatchet.endpoint is None or not kubernetes or not kubernetes.network_policy:
        return
    opened = {port for entry in plan.egress for port in entry.ports}
    for field in ("host_port", "server_url"):
        port = port_of(getattr(hatchet, field))
        if plan.tiers_of("hatchet") and port not in opened:
            yield Breach("backends.hatchet.endpoint.ports", f"port {port} of {field} is not opened")


@rule(
    "H16",
    "W/E/E",
    why="the engine repeats at once, or sooner than stated",
    reference="[Hatchet 3]: backoff_factor 1..1000, backoff_max_seconds 1..86400, from source",
    remedy="set retry.initial_delay between 1s and 1000s, and retry.max_delay between 1s and 1d",
)
def delays_can_be_expressed(plan: Plan) -> Iterator[Breach]:
    """Retry delays are between one second and what the engine can wait."""
    found = []
    for tier in plan.tiers_of("hatchet"):
        found.append((("tiers", tier.name, "retry"), tier.profile.retry))
        own = policies_of(plan.profile, tier.queues)
        found += [(("tasks", glob, "retry"), policy.retry) for glob, policy in own if policy.retry]
    for path, retry in found:
        limits = {"initial_delay": FIRST_DELAY, "max_delay": LONGEST_DELAY}
        for leaf, longest in limits.items():
            value = getattr(retry, leaf)
            if retry.max_attempts > 1 and not timedelta(seconds=1) <= value <= longest:
                yield Breach(join((*path, leaf)), f"{text(value)} is not between 1s and {text(longest)}")


@rule(
    "H17",
    "N/W/E",
    why="statistics count the tasks of all namespaces of a tenant: tiers scale on the work of others",
    reference="[Hatchet 3]: namespaces do not separate task-stats, measured",
    remedy="use one tenant for each environment, and no namespace",
)
def tenants_separate_environments(plan: Plan) -> Iterator[Breach]:
    """Environments are separated by tenants, not by namespaces of one tenant."""
    hatchet = plan.profile.backends.hatchet
    if hatchet and plan.tiers_of("hatchet") and hatchet.namespace:
        yield Breach("backends.hatchet.namespace", f"namespace {hatchet.namespace} separates names, not statistics")


@rule(
    "H18",
    "N/W/W",
    why="the engine answers RESOURCE_EXHAUSTED",
    reference="[Hatchet 8], from source",
    remedy="keep large data in an object store and pass a reference",
)
def payloads_fit(plan: Plan) -> Iterator[Breach]:
    """Arguments and results are at most 4 MiB."""
    for tier in plan.tiers_of("hatchet"):
        for leaf in ("payload", "result"):
            size = getattr(tier.profile.task, leaf)
            if size > PAYLOAD:
                yield Breach(f"tiers.{tier.name}.task.{leaf}", f"{size / 2**20:.1f}Mi is more than 4Mi")
