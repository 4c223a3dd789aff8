"""What the engine says about a run, in the words of `TaskResult`."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from task_abstraction.models import FINISHED, TaskResult, TaskStatus

# ruff: noqa: ANN401 - JSON of another program

STATUS: Mapping[str, TaskStatus] = {
    "QUEUED": TaskStatus.PENDING,
    "EVICTED": TaskStatus.PENDING,
    "RUNNING": TaskStatus.RUNNING,
    "COMPLETED": TaskStatus.COMPLETED,
    "CANCELLED": TaskStatus.CANCELLED,
    "FAILED": TaskStatus.FAILED,
}
NON_RETRYABLE = "NonRetryableException: "
SCHEDULE_TIMEOUT = "no worker took the task within its schedule timeout. Start or scale the workers of its queue"
NO_REASON = "the engine gives no reason"
NO_TIME = "0001-01-01"
"""How the engine writes a time that is not known."""

Decode = Callable[[str, Any], Any]
"""Rebuild a result of the task of this name."""


def parse_time(text: str | None) -> datetime | None:
    """A time of the engine; None where it has none."""
    return None if not text or text.startswith(NO_TIME) else datetime.fromisoformat(text)


def parse_error(text: str) -> str:
    r"""Class and message of an error that the SDK serialised.

    It writes `Type: message`, a traceback and metadata, one after the other; line breaks of the message are preceded
    by a backslash.
    """
    lines: list[str] = []
    for line in text.split("\n"):
        lines.append(line.removesuffix("\\"))
        if not line.endswith("\\"):
            break
    return "\n".join(lines).removeprefix(NON_RETRYABLE)


def task_name(run: Mapping[str, Any]) -> str:
    """Name of the task of a run: the second half of its action, which has no namespace."""
    return str(run.get("actionId") or "").rpartition(":")[2]


def unwrap(output: object) -> Any:
    """The value inside the envelope of a result; another producer's output as it is."""
    return output["result"] if isinstance(output, Mapping) and set(output) == {"result"} else output


def attempts_of(run: Mapping[str, Any], status: TaskStatus) -> int:
    """How many attempts have begun: the engine counts repetitions, and says 1 before the first."""
    repetitions = int(run.get("retryCount") or 0)
    if status is TaskStatus.PENDING:
        return repetitions
    begun = status is TaskStatus.COMPLETED or run.get("errorMessage") or parse_time(run.get("startedAt"))
    return repetitions + 1 if begun else repetitions


def is_finished(run: Mapping[str, Any]) -> bool:
    """Whether a run has ended."""
    return STATUS.get(str(run.get("status"))) in FINISHED


def is_completed(run: Mapping[str, Any]) -> bool:
    """Whether a run has ended well."""
    return STATUS.get(str(run.get("status"))) is TaskStatus.COMPLETED


def is_settled(run: Mapping[str, Any]) -> bool:
    """Whether the state that is filed can be believed.

    Between a failed attempt and the next one a run is filed as FAILED for some 20 to 50 ms (engine v0.104.7, measured),
    and a time limit is filed without its reason.
    """
    return run.get("status") != "FAILED" or (was_last(run) and bool(run.get("errorMessage")))


def was_last(run: Mapping[str, Any]) -> bool:
    """Whether no further attempt can follow a failed one."""
    if str(run.get("errorMessage") or "").startswith(NON_RETRYABLE):
        return True
    tasks = (run.get("workflowConfig") or {}).get("Tasks") or [{}]
    return int(run.get("retryCount") or 0) >= int(tasks[0].get("Retries") or 0)


def settled(run: Mapping[str, Any], worked_on: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The run, corrected by what the engine works on."""
    if worked_on is not None and not is_finished(worked_on):
        # One more attempt has begun than repetitions are filed; the next is to come.
        return {**run, "status": "QUEUED", "retryCount": int(run.get("retryCount") or 0) + 1}
    reason = run.get("errorMessage") or (worked_on or {}).get("errorMessage") or ""
    return {**run, "errorMessage": reason}


def to_result(task_id: str, run: Mapping[str, Any], decode: Decode) -> TaskResult[Any]:
    """The result of a settled run."""
    status = STATUS.get(str(run.get("status")), TaskStatus.RUNNING)
    name = task_name(run)
    started = parse_time(run.get("startedAt"))
    error = None
    if status is TaskStatus.FAILED:
        text = str(run.get("errorMessage") or "")
        error = parse_error(text) if text else (NO_REASON if started else SCHEDULE_TIMEOUT)
    completed = status is TaskStatus.COMPLETED
    return TaskResult(
        task_id=task_id,
        task_name=name,
        status=status,
        result=decode(name, unwrap(run.get("output"))) if completed else None,
        error=error,
        started_at=started,
        completed_at=parse_time(run.get("finishedAt")),
        attempts=attempts_of(run, status),
    )
