"""The tasks of the contract suite: plain functions, so that importing them registers nothing."""

# ruff: noqa: ANN401 - the contract sends anything that JSON can say

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from task_abstraction.context import current_task
from task_abstraction.models import RetryPolicy

if TYPE_CHECKING:
    from task_abstraction.base import TaskBackend

QUEUE = "contract"
OTHER_QUEUE = "contract_other"
THIRD_ATTEMPT = 3
LIMIT = timedelta(seconds=2)


@dataclass(frozen=True)
class Point:
    """A dataclass argument."""

    x: int
    y: int = 0


def contract_add(a: int, b: int = 0) -> int:
    """Add."""
    return a + b


def contract_echo(value: Any) -> Any:
    """Return the argument."""
    return value


def contract_keywords(**kwargs: Any) -> dict[str, Any]:
    """Return the keywords."""
    return kwargs


def contract_move(point: Point, by: int) -> Point:
    """Move a point."""
    return Point(point.x + by, point.y + by)


def contract_who() -> dict[str, Any]:
    """Return what the context says."""
    context = current_task()
    return {"id": context.id, "name": context.name, "attempt": context.attempt, "queue": context.queue}


async def contract_async(a: int, b: int) -> int:
    """Add after a pause on the loop."""
    await asyncio.sleep(0.01)
    return a + b


def contract_fail(message: str) -> None:
    """Fail, without another attempt."""
    raise ValueError(message)


def contract_flaky(good_attempt: int) -> int:
    """Fail until an attempt of this number."""
    attempt = current_task().attempt
    if attempt < good_attempt:
        raise OSError(f"attempt {attempt} is too early")
    return attempt


def contract_never() -> None:
    """Fail with an error that is not tried again."""
    raise ValueError("never")


def contract_sleep(seconds: float) -> list[float]:
    """Sleep; returns begin and end, Unix time."""
    begin = time.time()
    time.sleep(seconds)
    return [begin, time.time()]


def contract_patient(seconds: float) -> str:
    """Work until cancelled, at most so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not current_task().is_cancelled:
        time.sleep(0.05)
    return "worked to the end"


def contract_report(value: Any, seconds: float) -> str:
    """Report progress and go on for a while."""
    current_task().progress(value)
    time.sleep(seconds)
    return "reported"


async def contract_report_async(value: Any, seconds: float) -> str:
    """Report progress from a loop and go on for a while."""
    current_task().progress(value)
    await asyncio.sleep(seconds)
    return "reported"


def contract_span(previous: Any, seconds: float) -> list[float]:
    """Sleep as a step of a workflow; returns begin and end, Unix time."""
    del previous
    return contract_sleep(seconds)


def contract_spread(spans: list[list[float]]) -> float:
    """Seconds for which all spans overlap; negative where they do not."""
    return min(end for _, end in spans) - max(begin for begin, _ in spans)


def contract_sum(values: list[int]) -> int:
    """Add the members of a parallel pattern."""
    return sum(values)


def contract_first(a: int, b: int) -> int:
    """Take all arguments as keywords: the input of the workflow has no place."""
    return a + b


def contract_source(input_data: Any, source: str) -> str:
    """Take the input of the workflow and a keyword."""
    return f"{source}:{input_data}"


async def contract_long() -> None:
    """Run longer than its time limit."""
    await asyncio.sleep(30)


AT_ONCE = RetryPolicy(
    max_attempts=THIRD_ATTEMPT, initial_delay=timedelta(seconds=1), backoff=1, jitter=False, non_retryable=(ValueError,)
)
ONCE = RetryPolicy()
TASKS: tuple[Callable[..., Any], ...] = (
    contract_add,
    contract_echo,
    contract_keywords,
    contract_move,
    contract_who,
    contract_async,
    contract_fail,
    contract_sleep,
    contract_patient,
    contract_report,
    contract_report_async,
    contract_span,
    contract_spread,
    contract_sum,
    contract_first,
    contract_source,
)


def register_tasks(backend: "TaskBackend", *, limits: bool) -> None:
    """Make the tasks known to a backend; `limits` adds the one with a time limit."""
    for fn in TASKS:
        backend.register_task(queue=QUEUE, retry=ONCE)(fn)
    for fn in (contract_flaky, contract_never):
        backend.register_task(queue=QUEUE, retry=AT_ONCE)(fn)
    if limits:
        backend.register_task(queue=QUEUE, retry=ONCE, timeout=LIMIT)(contract_long)
