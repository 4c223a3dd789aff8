"""Encryption on a real Temporal server: what stands in its database, and keys that change in flight."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cryptography.fernet import Fernet

from task_abstraction import Parallel, PayloadUnreadable, Sequential, WorkflowDefinition
from task_abstraction.backends.temporal.backend import TemporalBackend
from task_abstraction.config import BackendConfig, WorkerPlan
from tests.acceptance.temporal_support import new_namespace
from tests.support import servers
from tests.support.names import PRIVATE_TASKS
from tests.support.wiretap import forms_of
from tests.support.workers import ROOT, Running, worker

pytestmark = pytest.mark.server
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRET, CONTROL = "the patient is called Ophelia Marlowe", "this one travels without a key at all"
MODES = ("activity", "workflow")


@dataclass(frozen=True)
class Stage:
    """A worker that writes with the new key and reads both; tasks were waiting before it came."""

    server: servers.Temporal
    namespace: str
    running: Running
    waiting: dict[str, str]

    def producer(self, keys: str | None, mode: str = "activity") -> TemporalBackend:
        """A producer with these keys, or without any."""
        return producer(self.server.server.port, self.namespace, keys, mode)


def producer(port: int, namespace: str, keys: str | None, mode: str = "activity") -> TemporalBackend:
    """A backend in this process; the tasks live in the worker."""
    params = {"host": "127.0.0.1", "port": port, "namespace": namespace, "task_queue": "private", "mode": mode}
    if keys:
        params["encryption_keys"] = keys
    backend = TemporalBackend(BackendConfig("temporal", params), plan=WorkerPlan())
    for name in PRIVATE_TASKS:
        backend.declare(name, queue="private")
    return backend


def environment(port: int, namespace: str, **extra: str) -> dict[str, str]:
    """Variables of a worker."""
    return {
        "TASK_BACKEND_TYPE": "temporal",
        "TEMPORAL_ADDRESS": f"127.0.0.1:{port}",
        "TEMPORAL_NAMESPACE": namespace,
        "TASK_MODULES": "tests.support.private_tasks",
        "PYTHONPATH": f"{ROOT / 'library'}:{ROOT}",
        **extra,
    }


@pytest.fixture(scope="module")
def stage(temporal, tmp_path_factory) -> Iterator[Stage]:
    """A namespace and a worker."""
    namespace, port = new_namespace(temporal.address), temporal.server.port
    waiting = {}
    for mode in MODES:
        with contextlib.closing(producer(port, namespace, OLD, mode)) as before:
            waiting[mode] = before.submit("private_echo", SECRET)
    variables = environment(port, namespace, TASK_ENCRYPTION_KEYS=f"{NEW},{OLD}")
    with worker(variables, tmp_path_factory.mktemp("encrypted"), "--queues", "private") as running:
        yield Stage(temporal, namespace, running, waiting)


def is_kept(stage: Stage, text: str) -> bool:
    """Whether a text stands readable in the server's database."""
    kept = b"".join(path.read_bytes() for path in stage.server.server.folder.glob("temporal.db*"))
    return any(form in kept for form in forms_of(text))


@pytest.mark.parametrize("mode", MODES)
def test_a_task_in_flight_survives_the_rotation_of_keys(stage, mode):
    """Sent with the old key before the worker came, it runs; its result, written with the new key, needs that key."""
    with contextlib.closing(stage.producer(f"{OLD},{NEW}", mode)) as both:
        assert both.get_result(stage.waiting[mode], timeout=60).unwrap() == {"echo": SECRET}

    with contextlib.closing(stage.producer(OLD, mode)) as old, pytest.raises(PayloadUnreadable, match="Add that key"):
        old.get_result(stage.waiting[mode])


@pytest.mark.parametrize("mode", MODES)
def test_nothing_readable_is_in_the_history(stage, mode):
    """Arguments, progress, results, errors, stack traces, workflow values: none is kept readable."""
    with contextlib.closing(stage.producer(f"{NEW},{OLD}", mode)) as keyed:
        done = keyed.submit("private_echo", SECRET, again=SECRET)
        failed = keyed.submit("private_fail", SECRET)
        steps = [Sequential([("private_echo", {"again": SECRET})]), Parallel(["private_pass", "private_pass"])]
        keyed.register_workflow(WorkflowDefinition("secrets", steps))
        flow = keyed.submit_workflow("secrets", SECRET)

        assert keyed.get_result(done, timeout=60).unwrap() == {"echo": 2 * SECRET}
        assert keyed.get_result(failed, timeout=60).error == f"ValueError: cannot use {SECRET}"
        assert keyed.get_result(flow, timeout=60).unwrap() == 2 * [{"echo": 2 * SECRET}]

    assert not is_kept(stage, SECRET)


@pytest.mark.parametrize("mode", MODES)
def test_a_producer_without_the_key_is_found_out(stage, mode):
    """Its task fails with the remedy instead of running, and it cannot read what others sent."""
    with contextlib.closing(stage.producer(None, mode)) as plain:
        task_id = plain.submit("private_echo", CONTROL)
        failed = plain.get_result(task_id, timeout=60)

        assert failed.status == "failed"
        assert "encrypted: it is encrypted, and this process has no key" in str(failed.error)
        with pytest.raises(PayloadUnreadable, match=r"this process has no key\. Set TASK_ENCRYPTION_KEYS"):
            plain.get_result(stage.waiting[mode])
    with contextlib.closing(stage.producer(NEW, mode)) as keyed:
        # The memo of a workflow is the sender's, and plain as well.
        told = str(keyed.get_result(task_id).error) if mode == "activity" else unread(keyed, task_id)
    assert "it is not encrypted, and this process takes nothing plain. Give TASK_ENCRYPTION_KEYS to" in told
    assert is_kept(stage, CONTROL), "what is plain is found there"


def unread(backend: TemporalBackend, task_id: str) -> str:
    """Why a result cannot be read."""
    with pytest.raises(PayloadUnreadable) as error:
        backend.get_result(task_id)
    return str(error.value)


def test_a_worker_without_the_key_is_found_out(temporal, tmp_path):
    """It runs nothing: the task fails, and the producer reads why."""
    namespace = new_namespace(temporal.address)
    port = temporal.server.port
    with worker(environment(port, namespace), tmp_path, "--queues", "private"):
        for mode in MODES:
            with contextlib.closing(producer(port, namespace, NEW, mode)) as keyed:
                failed = keyed.get_result(keyed.submit("private_echo", SECRET), timeout=60)
            assert failed.status == "failed"
            assert "PayloadUnreadable: it is encrypted, and this process has no key" in str(failed.error)
