"""Running one task body: arguments rebuilt, context set, async bodies awaited, result encoded."""

import contextvars
import inspect
import time
from collections.abc import Mapping
from typing import Any

from task_abstraction.codec import decode_call, encode
from task_abstraction.context import CURRENT, ENQUEUED_AT_HEADER, TaskContext
from task_abstraction.runtime.loop import PROCESS_LOOP
from task_abstraction.runtime.tracing import processing
from task_abstraction.tasks import TaskDefinition

# ruff: noqa: ANN401 - results are any JSON value

TRACE_ERROR_CHARS = 2000
"""Longest error text that is stored or sent: brokers keep it with every result."""


def run_task(definition: TaskDefinition, envelope: Mapping[str, Any], context: TaskContext) -> Any:
    """Run a body from synchronous code and return its encoded result; an async body runs on the process' loop."""
    if inspect.iscoroutinefunction(definition.fn):
        return PROCESS_LOOP.run(arun_task(definition, envelope, context))
    args, kwargs = decode_call(definition.fn, envelope)
    return contextvars.copy_context().run(_call, definition, context, args, kwargs)


def _call(definition: TaskDefinition, context: TaskContext, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    CURRENT.set(context)
    with processing(context):
        return encode(definition.fn(*args, **kwargs))


async def arun_task(definition: TaskDefinition, envelope: Mapping[str, Any], context: TaskContext) -> Any:
    """Run an async body on the running loop and return its encoded result; a sync body would block: use `run_task`."""
    args, kwargs = decode_call(definition.fn, envelope)
    token = CURRENT.set(context)
    try:
        with processing(context):
            return encode(await definition.fn(*args, **kwargs))
    finally:
        CURRENT.reset(token)


def describe_error(error: BaseException) -> str:
    """Class and message of an error, as results carry it."""
    return f"{type(error).__name__}: {error}"[:TRACE_ERROR_CHARS]


def enqueued_at(headers: Mapping[str, Any] | None) -> float | None:
    """Unix time from which a message waits, read from its headers; None where the producer was not this library."""
    try:
        return float((headers or {})[ENQUEUED_AT_HEADER])
    except (KeyError, TypeError, ValueError):
        return None


def age_s(headers: Mapping[str, Any] | None) -> float | None:
    """Seconds that a message has waited, if its headers say so."""
    since = enqueued_at(headers)
    return None if since is None else max(0.0, time.time() - since)
