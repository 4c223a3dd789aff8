"""Traces from producer to worker: W3C `traceparent` in the headers of a task, and a span at each end where a tracer is.

A process in which nobody has imported OpenTelemetry has no tracer: nothing is imported then, and a task only hands on
the header that it came with. Spans tell names, ids, queues and outcomes; never arguments, results or error texts.
"""

import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from task_abstraction.context import CURRENT, TaskContext

# ruff: noqa: ANN401 - the API of OpenTelemetry is optional, and so untyped here

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
TRACE_HEADERS = (TRACEPARENT, TRACESTATE)
API = "opentelemetry.trace"
WANTED_BY = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PACKAGES = "opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http"
FLUSH_MS = 2000
"""Longest time that the end of a process waits for its last spans."""
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}")
log = logging.getLogger("task_abstraction.tracing")


def trace_id_of(headers: Mapping[str, Any]) -> str | None:
    """Trace id in the headers of a task, if there is a valid one."""
    found = _TRACEPARENT.fullmatch(str(headers.get(TRACEPARENT, "")))
    return None if found is None or not int(found["trace"], 16) else found["trace"]


def _inherited() -> dict[str, str]:
    """What a task hands on to the tasks that it submits."""
    context = CURRENT.get()
    headers = {} if context is None else context.headers
    return {name: headers[name] for name in TRACE_HEADERS if headers.get(name)} if trace_id_of(headers) else {}


class Sending:
    """One submit: the headers that go with it, and the span that stands for it."""

    def __init__(self, headers: Mapping[str, str], span: Any = None) -> None:
        self.headers = headers
        self._span = span

    def sent(self, message_id: str) -> None:
        """Note the id, which some engines choose themselves."""
        if self._span is not None:
            self._span.set_attribute("messaging.message.id", message_id)


@contextmanager
def sending(system: str, queue: str, task: str, *, count: int = 1) -> Iterator[Sending]:
    """Stand for a submit, or for a batch: the span is the parent of the task's own."""
    api = sys.modules.get(API)
    if api is None:
        yield Sending(_inherited())
        return
    attributes: dict[str, Any] = _attributes(system, queue, task, "send")
    if count > 1:
        attributes["messaging.batch.message_count"] = count
    tracer = api.get_tracer(__name__)
    with (
        tracer.start_as_current_span(
            f"send {queue}",
            kind=api.SpanKind.PRODUCER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span,
        _told(api, span),
    ):
        yield Sending(_injected(span) or _inherited(), span)


@contextmanager
def processing(context: TaskContext) -> Iterator[None]:
    """Stand for one attempt; its parent is the submit, wherever that was."""
    api = sys.modules.get(API)
    if api is None:
        yield
        return
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    attributes: dict[str, Any] = _attributes(context.system, context.queue, context.name, "process")
    attributes |= {"messaging.message.id": context.id, "task.attempt": context.attempt}
    tracer = api.get_tracer(__name__)
    with (
        tracer.start_as_current_span(
            f"process {context.queue}",
            context=TraceContextTextMapPropagator().extract(context.headers),
            kind=api.SpanKind.CONSUMER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span,
        _told(api, span),
    ):
        yield


def _attributes(system: str, queue: str, task: str, operation: str) -> dict[str, Any]:
    return {
        "messaging.system": system,
        "messaging.destination.name": queue,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "task.name": task,
    }


@contextmanager
def _told(api: Any, span: Any) -> Iterator[None]:
    """Mark a span as failed with the class of the error: its text may hold what the task was given."""
    try:
        yield
    except BaseException as error:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(api.Status(api.StatusCode.ERROR))
        raise


def _injected(span: Any) -> dict[str, str]:
    if not span.get_span_context().is_valid:
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier


def current_trace_id() -> str | None:
    """Trace id of what runs here: of the span, or of the task's headers where there is no tracer."""
    api = sys.modules.get(API)
    if api is not None:
        found = api.get_current_span().get_span_context()
        if found.is_valid:
            return f"{found.trace_id:032x}"
    context = CURRENT.get()
    return None if context is None else trace_id_of(context.headers)


def configure() -> None:
    """Send the spans of this worker where the environment says; an application that has set up its own keeps it."""
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "otlp").lower()
    if exporter == "none" or not any(os.environ.get(name) for name in WANTED_BY):
        return
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource  # type: ignore[import-not-found, unused-ignore]
        from opentelemetry.sdk.trace import TracerProvider  # type: ignore[import-not-found, unused-ignore]
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # type: ignore[import-not-found, unused-ignore]

        made = _exporter(exporter)
    except ImportError as error:
        log.warning(
            "no traces are sent: %s. Install opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http", error
        )
        return
    if made is None:
        log.warning("no traces are sent: OTEL_TRACES_EXPORTER=%s is not otlp, console or none", exporter)
        return
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return
    service = os.environ.get("OTEL_SERVICE_NAME") or "task-backend-worker"
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(made))
    trace.set_tracer_provider(provider)


def _exporter(name: str) -> Any:
    if name == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter  # type: ignore[import-not-found, unused-ignore]

        return ConsoleSpanExporter()
    if name == "otlp":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # type: ignore[import-not-found, unused-ignore]
            OTLPSpanExporter,
        )

        return OTLPSpanExporter()
    return None


def flush() -> None:
    """Hand over the last spans of a process that is about to end without its exit handlers."""
    api = sys.modules.get(API)
    provider: Any = None if api is None else api.get_tracer_provider()
    if hasattr(provider, "force_flush"):
        with suppress(Exception):
            provider.force_flush(FLUSH_MS)
