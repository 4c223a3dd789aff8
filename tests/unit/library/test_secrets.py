"""A secret that is given to any setting is in no output: repr, dry run, logs, metrics, spans, errors."""

import base64
import contextlib
import io
import json
import logging
import uuid

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from task_abstraction import worker
from task_abstraction.config import load_config_from_env
from task_abstraction.context import TaskContext
from task_abstraction.errors import TaskBackendError
from task_abstraction.factory import forget_backends, get_backend
from task_abstraction.runtime.logs import ConsoleFormatter, JsonFormatter
from task_abstraction.runtime.tracing import processing, sending
from task_abstraction.serving import build_job

# As long as real ones; a shorter text may be in an output by chance.
LETTERS = st.characters(codec="ascii", categories=["L", "N"], include_characters="-_.~")
SECRETS = st.text(LETTERS, min_size=16, max_size=40)
CELERY = {"CELERY_BROKER_URL": "redis://127.0.0.1:1/0", "CELERY_RESULT_BACKEND": "redis://127.0.0.1:1/1"}
TEMPORAL = {"TEMPORAL_ADDRESS": "127.0.0.1:1"}


def jwt(secret):
    """A token as an engine makes them, with the secret for its signature."""
    claims = {"sub": str(uuid.UUID(int=1)), "server_url": "http://127.0.0.1:1", "grpc_broadcast_address": "127.0.0.1:1"}
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in ({"alg": "ES256"}, claims))
    return f"{head}.{body}.{secret}"


def fernet(secret):
    """A key that belongs to a secret."""
    return base64.urlsafe_b64encode(secret.encode().ljust(32, b"x")[:32]).decode()


def second(secret):
    """Keys during a rotation."""
    return f"{Fernet.generate_key().decode()},{fernet(secret)}"


# backend, the variable under test, the value that it gets, further variables
CASES = {
    "broker": ("celery", "CELERY_BROKER_URL", "redis://app:{}@127.0.0.1:1/0".format, CELERY),
    "broker over TLS": ("celery", "TASK_CELERY_BROKER_URL", "amqps://app:{}@127.0.0.1:1//".format, CELERY),
    "results": ("celery", "TASK_CELERY_RESULT_BACKEND", "rediss://:{}@127.0.0.1:1/0".format, CELERY),
    "management": ("celery", "TASK_CELERY_MANAGEMENT_URL", "http://guest:{}@127.0.0.1:1".format, CELERY),
    "API key": ("temporal", "TEMPORAL_API_KEY", str, TEMPORAL),
    "token": ("hatchet", "TASK_HATCHET_TOKEN", jwt, {}),
    "encryption keys": ("celery", "TASK_ENCRYPTION_KEYS", fernet, CELERY),
    "second encryption key": (
        "temporal",
        "TASK_ENCRYPTION_KEYS",
        second,
        TEMPORAL,
    ),
    "what is no encryption key": ("celery", "TASK_ENCRYPTION_KEYS", str, CELERY),
    "TLS that is refused": (
        "celery",
        "CELERY_BROKER_URL",
        "rediss://:{}@127.0.0.1:1/0?ssl_cert_reqs=yes".format,
        CELERY,
    ),
}


@pytest.fixture(scope="module")
def exported():
    """Spans of this process."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trace, "_TRACER_PROVIDER", provider)
        yield exporter


def outputs_of(backend_type, exporter):
    """Everything that a process with these settings might show."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        worker.main(["--backend", backend_type, "--queues", "q", "--app", "tests.support.private_tasks", "--dry-run"])
        worker.main(["--backend", backend_type, "--list-tasks"])
    yield shown.getvalue()
    records = []
    try:
        config = load_config_from_env(backend_type)
        yield f"{config!r} {config}"
        backend = get_backend(backend_type)
        job = build_job(backend, queues=["q"])
        records += [("settings %s", config), ("sealer %s", backend.sealer), ("backend at %s", backend.address())]
        with sending(backend_type, "q", "t") as message:
            headers = message.headers
        with processing(TaskContext(id="1", name="t", attempt=1, queue="q", headers=headers)):
            pass
        yield job.metrics.registry.render()
        yield str(backend.check_health()) if backend_type == "celery" else ""
    except TaskBackendError as error:
        records.append(("failed: %s", error))
    finally:
        forget_backends()
    for formatter in (JsonFormatter(), ConsoleFormatter()):
        for text, argument in records:
            yield formatter.format(logging.LogRecord("x", logging.INFO, __file__, 1, text, (argument,), None))
    yield str([(span.name, dict(span.attributes)) for span in exporter.get_finished_spans()])
    exporter.clear()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDKs, at their first import
@pytest.mark.parametrize("case", CASES)
@settings(max_examples=5)
@given(secret=SECRETS)
def test_a_secret_of_a_setting_is_in_no_output(case, secret, exported):
    """Whatever the setting, whether it is right or wrong, and whether the server is there or not."""
    backend_type, variable, value, more = CASES[case]
    with pytest.MonkeyPatch.context() as patch:
        for name, text in {"ENVIRONMENT": "dev", "TASK_BACKEND_HEALTH_TIMEOUT": "1", **more}.items():
            patch.setenv(name, text)
        patch.setenv(variable, value(secret))
        patch.setenv("TASK_BACKEND_TYPE", backend_type)
        for output in outputs_of(backend_type, exported):
            assert secret not in output
            assert fernet(secret) not in output
