"""Encryption on real Redis and RabbitMQ: what stands on the wire and in the broker, and keys that change in flight."""

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from cryptography.fernet import Fernet

from task_abstraction import Parallel, PayloadUnreadable, Sequential, WorkflowDefinition
from task_abstraction.backends.celery.backend import CeleryBackend
from task_abstraction.config import BackendConfig, WorkerPlan
from task_abstraction.encryption import key_id_of
from task_abstraction.factory import forget_backends
from task_abstraction.worker import main
from tests.acceptance.celery_support import Broker, rabbitmq_broker, redis_broker
from tests.support import servers
from tests.support.names import PRIVATE_TASKS
from tests.support.servers import wait_until
from tests.support.wiretap import Wiretap, forms_of, tapping
from tests.support.workers import ROOT, Running, worker

pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning"),  # Celery 5.7 calls it
]
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRET, CONTROL = "the patient is called Ophelia Marlowe", "this one travels without a key at all"


@dataclass(frozen=True)
class Stage:
    """A worker that writes with the new key and reads both, behind a wiretap; tasks were waiting before it came."""

    broker: Broker
    tap: Wiretap
    running: Running
    waiting: str
    environment: dict[str, str]

    def producer(self, keys: str | None) -> CeleryBackend:
        """A producer with these keys, or without any."""
        return producer(self.broker, keys)


def producer(broker: Broker, keys: str | None) -> CeleryBackend:
    """A backend in this process; the tasks live in the worker."""
    params = {"broker_url": broker.url, "result_backend": broker.results}
    if keys:
        params["encryption_keys"] = keys
    backend = CeleryBackend(BackendConfig("celery", params), plan=WorkerPlan())
    for name in PRIVATE_TASKS:
        backend.declare(name, queue="private")
    return backend


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def stage(request, redis, tmp_path_factory) -> Iterator[Stage]:
    """A broker and its result store behind one wiretap each, and a worker."""
    folder = tmp_path_factory.mktemp(request.param)
    plain = (
        redis_broker(redis) if request.param == "redis" else rabbitmq_broker(request.getfixturevalue("rabbitmq"), redis)
    )
    with tapping(plain.server.port) as tap, tapping(redis.server.port) as results:
        results.heard = tap.heard  # one record of both
        tapped = replace(
            plain,
            url=plain.url.replace(f":{plain.server.port}/", f":{tap.port}/"),
            results=plain.results.replace(f":{redis.server.port}/", f":{results.port}/"),
        )
        with contextlib.closing(producer(tapped, OLD)) as before:
            waiting = before.submit("private_echo", SECRET)
        path = f"{ROOT / 'library'}:{ROOT}"
        environment = tapped.environment(TASK_MODULES="tests.support.private_tasks", PYTHONPATH=path)
        keys = folder / "keys"
        keys.write_text(f"{NEW}\n{OLD}\n")
        flags = ("--queues", "private", "--concurrency", "1")
        with worker({**environment, "TASK_ENCRYPTION_KEYS_FILE": str(keys)}, folder, *flags) as running:
            yield Stage(tapped, tap, running, waiting, environment)


def at_rest(redis: servers.Redis) -> bytes:
    """Everything that a Redis keeps: its append-only file has every write since the start."""
    return b"".join(path.read_bytes() for path in (redis.server.folder).rglob("*.aof"))


def dead_letters(stage: Stage, *words: str, keys: str | None = None) -> str:
    """Output of `task-backend-worker dead-letter`."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**stage.environment, **({"TASK_ENCRYPTION_KEYS": keys} if keys else {})}.items():
            patch.setenv(name, value)
        with contextlib.redirect_stdout(io.StringIO()) as output:
            main(["dead-letter", *words, "--queue", "private"])
        forget_backends()  # another key is another process
    return output.getvalue()


def test_a_task_in_flight_survives_the_rotation_of_keys(stage):
    """Sent with the old key before the worker came, it runs; its result, written with the new key, needs that key."""
    with contextlib.closing(stage.producer(f"{OLD},{NEW}")) as both:
        assert both.get_result(stage.waiting, timeout=60).unwrap() == {"echo": SECRET}

    with contextlib.closing(stage.producer(OLD)) as old, pytest.raises(PayloadUnreadable) as error:
        old.get_result(stage.waiting)

    assert f"it is encrypted with key '{key_id_of(NEW)}'" in str(error.value)
    assert "Add that key to TASK_ENCRYPTION_KEYS" in str(error.value)


def test_nothing_readable_is_on_the_wire_or_in_the_store(stage, redis):
    """Arguments, progress, results, errors, tracebacks, workflow values: neither sent nor kept readable."""
    with contextlib.closing(stage.producer(f"{NEW},{OLD}")) as keyed:
        done = keyed.submit("private_echo", SECRET, again=SECRET)
        failed = keyed.submit("private_fail", SECRET)
        steps = [Sequential([("private_echo", {"again": SECRET})]), Parallel(["private_pass", "private_pass"])]
        keyed.register_workflow(WorkflowDefinition("secrets", steps))
        flow = keyed.submit_workflow("secrets", SECRET)

        assert keyed.get_result(done, timeout=60).unwrap() == {"echo": 2 * SECRET}
        assert keyed.get_result(failed, timeout=60).error == f"ValueError: cannot use {SECRET}"
        assert keyed.get_result(flow, timeout=60).unwrap() == 2 * [{"echo": 2 * SECRET}]
        wait_until(lambda: [kept.id for kept in keyed.dead_letters().read("private")] == [failed], what="letter")

    assert not stage.tap.has_heard(SECRET)
    assert not any(form in at_rest(redis) for form in forms_of(SECRET))


def test_a_dead_letter_is_shown_and_replayed_with_the_key(stage):
    """At rest it stays sealed; without a key `show` says what is missing and `replay` refuses."""
    with contextlib.closing(stage.producer(f"{NEW},{OLD}")) as keyed:
        task_id = keyed.submit("private_fail", SECRET)
        keyed.get_result(task_id, timeout=60)
        wait_until(lambda: task_id in [kept.id for kept in keyed.dead_letters().read("private")], what="letter")

        shown = dead_letters(stage, "show", task_id, keys=f"{NEW},{OLD}")
        assert f'args: ["{SECRET}"]' in shown
        assert f"error: ValueError: cannot use {SECRET}" in shown
        hidden = dead_letters(stage, "show", task_id)
        assert hidden.count("encrypted: it is encrypted, and this process has no key. Set TASK_ENCRYPTION_KEYS") == 2
        assert SECRET not in hidden

        assert not dead_letters(stage, "replay", task_id)
        assert f"replayed {task_id}" in dead_letters(stage, "replay", task_id, keys=NEW)
        wait_until(lambda: task_id in [kept.id for kept in keyed.dead_letters().read("private")], what="it again")
        assert f"purged {task_id}" in dead_letters(stage, "purge", task_id)
    assert not stage.tap.has_heard(SECRET)


def test_a_producer_without_the_key_is_found_out(stage):
    """Its task goes to the dead letter with the remedy, and reading its result says what is missing."""
    with contextlib.closing(stage.producer(None)) as plain, contextlib.closing(stage.producer(NEW)) as keyed:
        task_id = plain.submit("private_echo", CONTROL)
        letters = keyed.dead_letters()
        wait_until(lambda: task_id in [kept.id for kept in letters.read("private")], timeout_s=30, what="letter")
        (letter,) = [kept for kept in letters.read("private") if kept.id == task_id]

        kept_before = letters.read("private")
        assert letter.reason == "invalid"
        assert "it is not encrypted, and this process takes nothing plain. Give TASK_ENCRYPTION_KEYS" in letter.error
        with pytest.raises(PayloadUnreadable, match="this process has no key"):
            plain.get_result(task_id, timeout=30)
        assert "PayloadUnreadable" in str(keyed.get_result(task_id).error)

        # An exporter without the key sees the queue; what it asks the workers is dropped, and is no dead letter.
        assert plain.queue_stats(["private"])["private"].waiting == 0
        wait_until(lambda: keyed.queue_stats(["private"])["private"].consumers == 1, timeout_s=30, what="consumer")
        assert len(letters.read("private")) == len(kept_before)
    assert stage.tap.has_heard(CONTROL), "the wiretap hears what is plain"


def test_a_worker_without_the_key_is_found_out(redis, tmp_path):
    """It runs nothing, keeps the task sealed in the dead letter, and the producer hears of it; with the key it runs."""
    broker = redis_broker(redis)
    path = f"{ROOT / 'library'}:{ROOT}"
    environment = broker.environment(TASK_MODULES="tests.support.private_tasks", PYTHONPATH=path)
    with contextlib.closing(producer(broker, NEW)) as keyed:
        task_id = keyed.submit("private_echo", SECRET)
        with worker(environment, tmp_path, "--queues", "private", "--concurrency", "1"):
            letters = keyed.dead_letters()
            wait_until(lambda: letters.read("private"), timeout_s=30, what="letter")
        (letter,) = letters.read("private")
        assert (letter.id, letter.reason) == (task_id, "invalid")
        assert "it is encrypted, and this process has no key. Set TASK_ENCRYPTION_KEYS" in letter.error
        with pytest.raises(PayloadUnreadable, match="it is not encrypted"):
            keyed.get_result(task_id)

        # While encryption is introduced, a process with the key reads both.
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TASK_ENCRYPTION_ACCEPT_PLAIN", "1")
            with contextlib.closing(producer(broker, NEW)) as lenient:
                assert "this process has no key" in str(lenient.get_result(task_id).error)
    assert not any(form in at_rest(redis) for form in forms_of(SECRET))
