"""Encryption on a real Hatchet engine: what stands on the wire and what the engine tells, and keys that change."""

import contextlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cryptography.fernet import Fernet

from task_abstraction import Parallel, PayloadUnreadable, Sequential, WorkflowDefinition
from task_abstraction.backends.hatchet.backend import HatchetBackend
from task_abstraction.config import BackendConfig, WorkerPlan
from tests.acceptance.hatchet_support import given
from tests.support.names import PRIVATE_TASKS
from tests.support.servers import free_port
from tests.support.wiretap import forms_of
from tests.support.workers import ROOT, Running, worker

pytestmark = pytest.mark.server
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRET, CONTROL = "the patient is called Ophelia Marlowe", "this one travels without a key at all"


@dataclass(frozen=True)
class Stage:
    """A worker that writes with the new key and reads both."""

    engine: dict[str, str]
    namespace: str
    running: Running

    def producer(self, keys: str | None) -> HatchetBackend:
        """A producer with these keys, or without any; the tasks live in the worker."""
        params = {
            "token": self.engine["HATCHET_CLIENT_TOKEN"],
            "server_url": self.engine["HATCHET_CLIENT_SERVER_URL"],
            "host_port": self.engine["HATCHET_CLIENT_HOST_PORT"],
            "tls_strategy": self.engine.get("HATCHET_CLIENT_TLS_STRATEGY", "tls"),
            "namespace": self.namespace,
        }
        if keys:
            params["encryption_keys"] = keys
        backend = HatchetBackend(BackendConfig("hatchet", params), plan=WorkerPlan())
        for name in PRIVATE_TASKS:
            backend.declare(name, queue="private")
        return backend


@pytest.fixture(scope="module")
def stage(tmp_path_factory) -> Iterator[Stage]:
    """A namespace of its own, and a worker."""
    engine, namespace = dict(given()), f"enc{secrets.token_hex(4)}"
    environment = {
        **engine,
        "TASK_BACKEND_TYPE": "hatchet",
        "HATCHET_CLIENT_NAMESPACE": namespace,
        "HATCHET_CLIENT_WORKER_HEALTHCHECK_ENABLED": "true",
        "HATCHET_CLIENT_WORKER_HEALTHCHECK_PORT": str(free_port()),
        "HATCHET_CLIENT_WORKER_HEALTHCHECK_BIND_ADDRESS": "127.0.0.1",
        "TASK_MODULES": "tests.support.private_tasks",
        "PYTHONPATH": f"{ROOT / 'library'}:{ROOT}",
        "TASK_ENCRYPTION_KEYS": f"{NEW},{OLD}",
    }
    with worker(environment, tmp_path_factory.mktemp("encrypted"), "--queues", "private") as running:
        yield Stage(engine, namespace, running)


def told(backend: HatchetBackend, run_id: str) -> bytes:
    """Everything that the engine tells about a run: input, output, error, metadata."""
    rest = backend.clients.rest
    filed = rest.get(f"/api/v1/stable/tasks/{run_id}", limit_s=10)
    return json.dumps([filed, backend.clients.engine.details(run_id, limit_s=10)]).encode()


def test_nothing_readable_is_in_the_engine(stage):
    """Arguments, results, errors, tracebacks and workflow values: the engine has none of them readable."""
    with contextlib.closing(stage.producer(f"{NEW},{OLD}")) as keyed:
        done = keyed.submit("private_echo", SECRET, again=SECRET)
        failed = keyed.submit("private_fail", SECRET)
        steps = [Sequential([("private_echo", {"again": SECRET})]), Parallel(["private_pass", "private_pass"])]
        keyed.register_workflow(WorkflowDefinition("secrets", steps))
        flow = keyed.submit_workflow("secrets", SECRET)
        keyed.register_workflow(WorkflowDefinition("broken", [Sequential(["private_echo", "private_broken"])]))
        broken = keyed.submit_workflow("broken", SECRET)

        assert keyed.get_result(done, timeout=60).unwrap() == {"echo": 2 * SECRET}
        assert keyed.get_result(failed, timeout=60).error == f"ValueError: cannot use {SECRET}"
        assert keyed.get_result(failed).attempts == 2
        assert keyed.get_result(flow, timeout=60).unwrap() == 2 * [{"echo": 2 * SECRET}]
        ended = keyed.get_result(broken, timeout=60)
        assert (ended.error, ended.steps_completed) == (f"ValueError: cannot use {SECRET}", 1)

        for run_id in (done, failed, flow, broken):
            known = told(keyed, run_id)
            assert b"enc:" in known, "the engine knows the run"
            assert not any(form in known for form in forms_of(SECRET))


def test_keys_change_while_tasks_are_on_their_way(stage):
    """A producer with the old key is served; its result, written with the new key, needs that key."""
    with contextlib.closing(stage.producer(OLD)) as old, contextlib.closing(stage.producer(f"{OLD},{NEW}")) as both:
        task_id = old.submit("private_echo", SECRET)
        assert both.get_result(task_id, timeout=60).unwrap() == {"echo": SECRET}
        with pytest.raises(PayloadUnreadable, match="Add that key"):
            old.get_result(task_id)


def test_a_producer_without_the_key_is_found_out(stage):
    """Its task fails with the remedy instead of running, and it cannot read what others sent."""
    with contextlib.closing(stage.producer(None)) as plain, contextlib.closing(stage.producer(NEW)) as keyed:
        task_id = plain.submit("private_fail", CONTROL)
        failed = keyed.get_result(task_id, timeout=60)
        assert (failed.status, failed.attempts) == ("failed", 1)
        assert "PayloadUnreadable" in str(failed.error)
        assert "it is not encrypted, and this process takes nothing plain" in str(failed.error)
        assert CONTROL.encode() in told(keyed, task_id), "what is plain is found there"
        assert "(encrypted: it is encrypted, and this process has no key" in str(plain.get_result(task_id).error)
        done = keyed.submit("private_echo", SECRET)
        keyed.get_result(done, timeout=60)
        with pytest.raises(PayloadUnreadable, match="this process has no key"):
            plain.get_result(done)
