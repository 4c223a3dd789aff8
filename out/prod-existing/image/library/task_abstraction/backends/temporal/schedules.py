"""Schedules of the profile as schedules of the server: created, changed and removed when a worker starts.

Every worker that serves the queue of a schedule does this, with the same outcome; the server sends each run once,
however many workers and clusters there are.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import Priority
from temporalio.service import RPCError, RPCStatusCode

from task_abstraction.backends.temporal.generic_task import TASK_MEMO, WORKFLOW_NAME, TaskOptions
from task_abstraction.codec import encode_call
from task_abstraction.config import SchedulePlan

log = logging.getLogger("task_abstraction.temporal")
CALL_TIMEOUT = timedelta(seconds=10)
SHORTEST_CATCHUP_S = 10.0
"""The server's own minimum."""
DISABLED_NOTE = "disabled in the profile"
"""Tells our own pause from one by an operator, which stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One schedule with what its task needs."""

    schedule_id: str
    plan: SchedulePlan
    queue: str
    options: TaskOptions


def schedule_id(profile: str, name: str) -> str:
    """Id of a schedule: a namespace may hold several profiles."""
    return f"{profile}:{name}"


def to_schedule(entry: Entry, state: ScheduleState | None = None) -> Schedule:
    """The server's form of a schedule."""
    plan = entry.plan
    if plan.cron is not None:
        spec = ScheduleSpec(cron_expressions=[plan.cron], time_zone_name=plan.timezone)
    else:
        spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=plan.every_s or 0))])
    invocation = {**encode_call(plan.args, plan.kwargs), "headers": {}}
    return Schedule(
        action=ScheduleActionStartWorkflow(
            WORKFLOW_NAME,
            args=[plan.task, invocation, asdict(entry.options)],
            id=entry.schedule_id,
            task_queue=entry.queue,
            memo={TASK_MEMO: plan.task},
            static_summary=plan.task,
            priority=Priority(priority_key=entry.options.priority),
        ),
        spec=spec,
        policy=SchedulePolicy(
            # As beat does: a run is sent whether or not the one before has ended, and a late run while it is of use.
            overlap=ScheduleOverlapPolicy.ALLOW_ALL,
            catchup_window=timedelta(seconds=max(SHORTEST_CATCHUP_S, plan.expires_s or 0)),
        ),
        state=_state(plan, state or ScheduleState()),
    )


def _state(plan: SchedulePlan, before: ScheduleState) -> ScheduleState:
    if not plan.enabled:
        return ScheduleState(paused=True, note=DISABLED_NOTE)
    return ScheduleState() if before.note == DISABLED_NOTE else before


async def _keep(client: Client, entry: Entry) -> None:
    try:
        await client.create_schedule(entry.schedule_id, to_schedule(entry), rpc_timeout=CALL_TIMEOUT)
    except ScheduleAlreadyRunningError:

        def changed(seen: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(to_schedule(entry, seen.description.schedule.state))

        await client.get_schedule_handle(entry.schedule_id).update(changed, rpc_timeout=CALL_TIMEOUT)
    log.info("schedule %s: task %s on queue %s", entry.schedule_id, entry.plan.task, entry.queue)


async def _remove_others(client: Client, profile: str, wanted: set[str]) -> None:
    async for found in await client.list_schedules():
        if found.id.startswith(schedule_id(profile, "")) and found.id not in wanted:
            await client.get_schedule_handle(found.id).delete(rpc_timeout=CALL_TIMEOUT)
            log.warning("schedule %s is no longer in the profile: removed", found.id)


async def keep_schedules(client: Client, entries: Sequence[Entry], *, profile: str, names: Sequence[str]) -> None:
    """Make the server's schedules those of the profile.

    Args:
        client: connected to the namespace.
        entries: the schedules whose queues this worker serves.
        profile: owner of the schedules; those of others are left alone.
        names: all schedules of the profile on this backend.
    """
    try:
        for entry in entries:
            await _keep(client, entry)
        if profile:
            await _remove_others(client, profile, {schedule_id(profile, name) for name in names})
    except RPCError as error:
        # The worker is of use without them; task_schedule_last_sent_timestamp_seconds raises the alarm.
        log.error("schedules could not be written: %s. Give the worker's credentials that right", error.message)  # noqa: TRY400


async def sent_at(client: Client, profile: str, names: Sequence[str]) -> Mapping[str, float]:
    """Unix time of the last run of each schedule that has run."""
    found: dict[str, float] = {}
    for name in names:
        try:
            seen = await client.get_schedule_handle(schedule_id(profile, name)).describe(rpc_timeout=CALL_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            continue
        if seen.info.recent_actions:
            found[name] = max(action.started_at.timestamp() for action in seen.info.recent_actions)
    return found
