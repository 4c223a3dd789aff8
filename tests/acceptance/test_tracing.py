"""One trace from producer to worker on real servers: spans at a collector, trace ids in logs, payloads in neither."""

import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from task_abstraction import BackendConfig, Call, Sequential, TaskBackend, WorkflowDefinition
from task_abstraction.backends.celery.backend import CeleryBackend
from task_abstraction.backends.hatchet.backend import HatchetBackend
from task_abstraction.backends.temporal.backend import TemporalBackend
from task_abstraction.config import WorkerPlan
from tests.acceptance.celery_support import redis_broker
from tests.acceptance.hatchet_support import given
from tests.acceptance.temporal_support import new_namespace
from tests.support.collector import Collector, attributes, collecting
from tests.support.names import TRACED_TASKS
from tests.support.servers import free_port, wait_until
from tests.support.workers import ROOT, Running, worker

pytestmark = pytest.mark.server
PATIENT = "the patient is called Cordelia Ashdown"


@dataclass(frozen=True)
class Stage:
    """A worker that sends its spans to a collector, and a producer in this process."""

    backend: TaskBackend
    running: Running
    collector: Collector


@pytest.fixture(scope="module", autouse=True)
def exported() -> Iterator[InMemorySpanExporter]:
    """What this process, the producer, traces."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with pytest.MonkeyPatch.context() as patch:  # `set_tracer_provider` is for ever, and later tests trace nothing
        patch.setattr(trace, "_TRACER_PROVIDER", provider)
        yield exporter
    provider.shutdown()


@pytest.fixture(scope="module", params=["celery", "temporal", "hatchet"])
def stage(request, tmp_path_factory) -> Iterator[Stage]:
    """One for each backend."""
    folder = tmp_path_factory.mktemp("traced")
    if request.param == "celery":
        broker = redis_broker(request.getfixturevalue("redis"))
        environment: Mapping[str, str] = broker.environment()
        params = {"broker_url": broker.url, "result_backend": broker.results}
        backend: TaskBackend = CeleryBackend(BackendConfig("celery", params), plan=WorkerPlan())
    elif request.param == "hatchet":
        engine, namespace = dict(given()), f"tr{secrets.token_hex(4)}"
        environment = {**engine, "TASK_BACKEND_TYPE": "hatchet", "HATCHET_CLIENT_NAMESPACE": namespace}
        health = {"ENABLED": "true", "PORT": str(free_port()), "BIND_ADDRESS": "127.0.0.1"}
        environment |= {f"HATCHET_CLIENT_WORKER_HEALTHCHECK_{name}": value for name, value in health.items()}
        named = {"token": "TOKEN", "server_url": "SERVER_URL", "host_port": "HOST_PORT", "tls_strategy": "TLS_STRATEGY"}
        params = {name: engine[f"HATCHET_CLIENT_{key}"] for name, key in named.items()} | {"namespace": namespace}
        backend = HatchetBackend(BackendConfig("hatchet", params), plan=WorkerPlan())
    else:
        server = request.getfixturevalue("temporal")
        namespace = new_namespace(server.address)
        environment = {"TASK_BACKEND_TYPE": "temporal", "TEMPORAL_ADDRESS": server.address}
        environment = {**environment, "TEMPORAL_NAMESPACE": namespace}
        host, _, port = server.address.partition(":")
        params = {"host": host, "port": int(port), "namespace": namespace, "task_queue": "traced"}
        backend = TemporalBackend(BackendConfig("temporal", params), plan=WorkerPlan())
    for name in TRACED_TASKS:
        backend.declare(name, queue="traced")
    with collecting() as collector, contextlib.closing(backend):
        more = {
            "TASK_MODULES": "tests.support.traced_tasks",
            "PYTHONPATH": f"{ROOT / 'library'}:{ROOT}",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        with worker({**environment, **more}, folder, "--queues", "traced", "--concurrency", "1") as running:
            yield Stage(backend, running, collector)


def lines(stage: Stage) -> list[dict[str, object]]:
    """Log lines of the worker that are JSON."""
    return [json.loads(line) for line in stage.running.text().splitlines() if line.startswith("{")]


def test_one_trace_from_the_producer_to_the_task_that_a_task_submits(stage, exported):
    """Producer span, consumer span, producer span inside it, consumer span: each the child of the one before."""
    with trace.get_tracer("test").start_as_current_span("request") as request:
        task_id = stage.backend.submit("traced_outer", PATIENT)
        trace_id = f"{request.get_span_context().trace_id:032x}"
    wait_until(lambda: len(stage.collector.of_trace(trace_id)) == 3, timeout_s=30, what="three spans of the worker")

    finished = [span for span in exported.get_finished_spans() if f"{span.context.trace_id:032x}" == trace_id]
    sent = next(span for span in finished if span.name == "send traced")
    assert sent.parent.span_id == request.get_span_context().span_id
    system = stage.backend.backend_type
    assert dict(sent.attributes) == {
        "messaging.system": system,
        "messaging.destination.name": "traced",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.message.id": task_id,
        "task.name": "traced_outer",
    }
    by_name = {(span.name, attributes(span)["task.name"]): span for span in stage.collector.of_trace(trace_id)}
    processed = by_name["process traced", "traced_outer"]
    inner_sent, inner = by_name["send traced", "traced_inner"], by_name["process traced", "traced_inner"]
    assert processed.parent_span_id.hex() == f"{sent.get_span_context().span_id:016x}"
    assert inner_sent.parent_span_id == processed.span_id
    assert inner.parent_span_id == inner_sent.span_id
    assert attributes(processed)["messaging.message.id"] == task_id
    assert attributes(processed)["task.attempt"] == 1
    logged = {line["message"]: line.get("trace_id") for line in lines(stage) if line["logger"] == "traced"}
    assert logged == {"outer line": trace_id, "inner line": trace_id}


def test_a_failure_is_told_by_its_class_alone(stage):
    """Neither arguments nor the text of the error are in any span that leaves the worker."""
    with trace.get_tracer("test").start_as_current_span("request") as request:
        stage.backend.submit("traced_fail", PATIENT)
        trace_id = f"{request.get_span_context().trace_id:032x}"
    wait_until(lambda: stage.collector.of_trace(trace_id), timeout_s=30, what="the span of the worker")

    (span,) = stage.collector.of_trace(trace_id)
    assert attributes(span)["error.type"] == "ValueError"
    assert (span.status.code, span.status.message, list(span.events)) == (2, "", [])
    assert PATIENT.encode() not in stage.collector.raw


def test_the_steps_of_a_workflow_are_in_the_trace_of_its_submit(stage):
    """Whoever starts the steps, they carry the trace."""
    stage.backend.register_workflow(WorkflowDefinition("steps", [Sequential(["traced_step", "traced_step"])]))
    with trace.get_tracer("test").start_as_current_span("request") as request:
        flow = stage.backend.submit_workflow("steps", 1)
        trace_id = f"{request.get_span_context().trace_id:032x}"

    assert stage.backend.get_result(flow, timeout=60).unwrap() == 3
    wait_until(lambda: len(stage.collector.of_trace(trace_id)) == 2, timeout_s=30, what="two spans of the worker")


def test_a_batch_is_one_span_with_one_child_for_each_task(stage, exported):
    """The count of its messages is on it."""
    with trace.get_tracer("test").start_as_current_span("request") as request:
        stage.backend.submit_many("traced_step", [Call((number,)) for number in range(3)])
        trace_id = f"{request.get_span_context().trace_id:032x}"
    wait_until(lambda: len(stage.collector.of_trace(trace_id)) == 3, timeout_s=30, what="three spans of the worker")

    sent = [span for span in exported.get_finished_spans() if span.attributes.get("messaging.batch.message_count")]
    assert [span.attributes["messaging.batch.message_count"] for span in sent][-1] == 3


def test_a_worker_without_a_tracer_logs_the_trace_and_hands_it_on(redis, tmp_path):
    """The header alone does it: OpenTelemetry is not even imported there."""
    broker = redis_broker(redis)
    blocked = tmp_path / "opentelemetry"
    blocked.mkdir()
    (blocked / "__init__.py").write_text("raise ImportError('not in this worker')\n")
    environment = broker.environment(
        TASK_MODULES="tests.support.traced_tasks", PYTHONPATH=f"{tmp_path}:{ROOT / 'library'}:{ROOT}"
    )
    params = {"broker_url": broker.url, "result_backend": broker.results}
    with contextlib.closing(CeleryBackend(BackendConfig("celery", params), plan=WorkerPlan())) as backend:
        backend.declare("traced_outer", queue="traced")
        with worker(environment, tmp_path, "--queues", "traced", "--concurrency", "1") as running:
            with trace.get_tracer("test").start_as_current_span("request") as request:
                backend.submit("traced_outer", PATIENT)
                trace_id = f"{request.get_span_context().trace_id:032x}"
            wait_until(lambda: "inner line" in running.text(), timeout_s=30, what="the inner task")
            told = [json.loads(line) for line in running.text().splitlines() if '"logger": "traced"' in line]
    assert [(line["message"], line["trace_id"]) for line in told] == [
        ("outer line", trace_id),
        ("inner line", trace_id),
    ]
