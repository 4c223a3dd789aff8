"""Trace headers, and that nothing of OpenTelemetry is imported where nobody uses it."""

import subprocess
import sys

import pytest

from task_abstraction.context import CURRENT, TaskContext
from task_abstraction.runtime.tracing import configure, trace_id_of

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
PRODUCER = """
import sys
from task_abstraction.testing.recording import RecordingBackend
from task_abstraction.context import CURRENT, TaskContext
from task_abstraction.runtime.tracing import current_trace_id, sending

backend = RecordingBackend()
backend.declare("x")
backend.submit("x")
CURRENT.set(TaskContext(id="1", name="x", attempt=1, queue="q", headers={"traceparent": sys.argv[1]}))
with sending("celery", "q", "x") as message:
    print(message.headers, current_trace_id())
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""


def test_without_a_tracer_nothing_is_imported_and_the_header_goes_on():
    """A process that never imported OpenTelemetry pays for nothing of it."""
    done = subprocess.run([sys.executable, "-c", PRODUCER, PARENT], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == [
        f"{{'traceparent': '{PARENT}'}} 4bf92f3577b34da6a3ce929d0e0e4736",
        "[]",
    ]


@pytest.mark.parametrize("header", ["", "nonsense", PARENT[:-1], PARENT.upper(), f"00-{'0' * 32}-00f067aa0ba902b7-01"])
def test_what_is_no_trace_header_is_ignored(header):
    """A foreign producer may send anything."""
    assert trace_id_of({"traceparent": header}) is None


def test_a_task_outside_a_trace_has_none():
    """No header, no id."""
    token = CURRENT.set(TaskContext(id="1", name="x", attempt=1, queue="q"))
    try:
        assert trace_id_of(CURRENT.get().headers) is None
    finally:
        CURRENT.reset(token)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, ""),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ""),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER=zipkin is not otlp, console or none"),
    ],
    ids=["not asked for", "switched off", "unknown"],
)
def test_a_worker_sends_traces_only_where_it_is_told(environ, said, monkeypatch, caplog):
    """An exporter that is unknown is said, and is no reason to stop."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    configure()

    assert said in caplog.text
    assert bool(said) == bool(caplog.records)


def test_a_worker_without_the_extra_says_what_to_install(monkeypatch, caplog):
    """Traces that were asked for and cannot be sent are no silence."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    configure()

    assert "Install opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http" in caplog.text
