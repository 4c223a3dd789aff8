"""Dead letters on real brokers: what fails for good or cannot be read is kept, seen, sent again and removed."""

import contextlib
import io
import json
import subprocess
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import kombu
import pytest

from task_abstraction.backends.celery.backend import CeleryBackend
from task_abstraction.config import load_plan
from task_abstraction.worker import main
from tests.acceptance.celery_support import Broker, rabbitmq_broker, redis_broker, write_settings
from tests.support.journal import count, starts
from tests.support.names import OUTLIVE_S
from tests.support.servers import wait_until
from tests.support.workers import Running, exporter, worker

pytestmark = pytest.mark.server
QUEUES = ["failing", "mending", "poison", "limited", "foreign", "binary", "shapeless", "named", "entries", "quiet"]
ROUTES = {"fail": "failing", "fail_until": "mending", "poison": "poison", "outlive": "limited"}
QUORUM = """
task_default_queue_type = "quorum"
task_create_missing_queue_type = "quorum"
task_create_missing_queue_exchange_type = "topic"
task_default_exchange_type = "topic"
"""


@dataclass(frozen=True)
class Stage:
    """A broker, a worker on it, and a producer."""

    name: str
    broker: Broker
    environment: dict[str, str]
    folder: Path
    running: Running
    producer: CeleryBackend

    def dead(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `task-backend-worker dead-letter` in this process: a start of Python for each call would take longer."""
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            code = main(["dead-letter", *arguments])
        return subprocess.CompletedProcess(arguments, code, output.getvalue(), errors.getvalue())

    def listed(self, queue: str) -> list[dict[str, object]]:
        """The dead letters of a queue, as `list -o json` prints them."""
        done = self.dead("list", "--queue", queue, "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def wait_for(self, queue: str, count: int = 1) -> list[dict[str, object]]:
        """Wait until so many letters lie there, asking the broker itself."""
        store = self.producer.dead_letters()
        seen: list[int] = []

        def are_there() -> bool:
            seen.append(len(store.read(queue)))
            return seen[-1] == count

        try:
            wait_until(are_there, timeout_s=30, what=f"{count} dead letters of {queue}")
        except TimeoutError as error:
            raise AssertionError(f"{error}; seen: {sorted(set(seen))}, {self.listed(queue)}") from error
        return self.listed(queue)

    def publish(self, queue: str, body: object, headers: dict[str, object], **options: object) -> None:
        """Publish a message as a foreign producer might."""
        with kombu.Connection(self.broker.url) as connection, connection.channel() as channel:
            target = self.producer.app.amqp.queues[queue](channel)
            target.declare()
            kombu.Producer(channel).publish(
                body, exchange=target.exchange, routing_key=target.routing_key, headers=headers, **options
            )


@pytest.fixture(scope="module", params=["redis", "rabbitmq-classic", "rabbitmq-quorum"])
def stage(request, redis, tmp_path_factory):
    """A worker of a broker of its own; every test has a queue of its own."""
    folder = tmp_path_factory.mktemp(request.param)
    on_redis = request.param == "redis"
    broker = redis_broker(redis) if on_redis else rabbitmq_broker(request.getfixturevalue("rabbitmq"), redis)
    config = "\ntask_acks_late = True\n" + (QUORUM if request.param.endswith("quorum") else "")
    queues = {name: {"backend": "celery", "tiers": ["low"], "dead_letter": name != "quiet"} for name in QUEUES}
    settings = write_settings(
        folder,
        {"queues": QUEUES, "concurrency": 2, "task": {"acks_late": True}},
        celeryconfig=config,
        queues=queues,
        routes=[[name, queue] for name, queue in ROUTES.items()],
        modules=["tests.support.faulty"],
        default_queue="failing",
    )
    environment = broker.environment(**settings, TASK_MODULES="tests.support.faulty", PYTHONPATH=_path())
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            if name != "PYTHONPATH":
                patch.setenv(name, value)
        producer = broker.producer(load_plan())
        for name, queue in ROUTES.items():
            producer.declare(name, queue=queue)
        with worker(environment, folder, "--queues", ",".join(QUEUES)) as running:
            yield Stage(f"celery, {request.param}", broker, environment, folder, running, producer)
        producer.close()


def _path():
    root = Path(__file__).parents[2]
    return f"{root / 'library'}:{root}"


def counted(stage, queue, task):
    """Wait until the worker has counted one failure and one dead letter of a queue; its reasons."""
    wait_until(lambda: stage.running.sum_of("task_dead_lettered_total", queue=queue, task=task) == 1, timeout_s=10)
    failed = stage.running.metrics()
    return [
        series.partition('reason="')[2].partition('"')[0]
        for series, value in failed.items()
        if series.startswith("task_failed_total{") and f'queue="{queue}"' in series and value
    ]


class TestFailedTasks:
    """Tasks that failed for good."""

    def test_a_failed_task_is_kept_with_payload_error_and_attempts(self, stage):
        """After its last attempt it lies in the dead letter; secrets among its arguments are masked."""
        task_id = stage.producer.submit("fail", "no such customer", password="hunter2")  # noqa: S106 - is to be masked
        (letter,) = stage.wait_for("failing")

        assert letter["id"] == letter["task_id"] == task_id
        assert (letter["task"], letter["reason"], letter["attempts"]) == ("fail", "error", 2)
        assert letter["error"] == "ValueError: no such customer"
        assert letter["enqueued_at"] < letter["failed_at"]
        shown = stage.dead("show", task_id, "--queue", "failing")
        assert 'kwargs: {"password": "***"}' in shown.stdout
        assert "hunter2" not in shown.stdout + json.dumps(letter) + stage.dead("list", "--queue", "failing").stdout
        assert stage.producer.get_result(task_id).status == "failed"
        assert counted(stage, "failing", "fail") == ["error"]

    def test_a_poison_task_stops_after_its_attempts(self, stage, tmp_path, fault_row):
        """A task that kills its child starts exactly as often as declared; then it is failed and kept."""
        place = tmp_path / "starts"
        task_id = stage.producer.submit("poison", str(place))
        counts = count(place, stage.producer, [task_id])
        fault_row(stage.name, "poison task of 3 attempts", counts, allowed=2)
        (letter,) = stage.wait_for("poison")

        assert stage.producer.get_result(task_id).status == "failed"
        assert len(starts(place)) == 3
        assert (letter["id"], letter["reason"], letter["attempts"]) == (task_id, "worker_lost", 3)
        assert counted(stage, "poison", "poison") == ["worker_lost"]

    def test_a_task_that_outlives_its_limit_is_kept(self, stage, tmp_path, fault_row):
        """The hard limit ends it, once, with its own reason."""
        place = tmp_path / "starts"
        task_id = stage.producer.submit("outlive", str(place))
        counts, ended = count(place, stage.producer, [task_id]), time.time()
        took = ended - starts(place)[0]
        fault_row(stage.name, "task outlives its time limit", counts, predicted_s=OUTLIVE_S, measured_s=took)
        (letter,) = stage.wait_for("limited")

        assert (letter["id"], letter["reason"]) == (task_id, "time_limit")
        assert counted(stage, "limited", "outlive") == ["time_limit"]

    @pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")  # Celery 5.7 calls it
    def test_replay_runs_it_again_under_its_id(self, stage, tmp_path):
        """Replay makes a failed id pending, its letter goes, and the same id completes."""
        place = tmp_path / "there"
        task_id = stage.producer.submit("fail_until", str(place))
        stage.wait_for("mending")
        place.write_text("mended")
        done = stage.dead("replay", task_id, "--queue", "mending")

        assert (done.returncode, done.stdout) == (0, f"replayed {task_id}\n1 replayed\n"), done.stderr
        assert stage.producer.get_result(task_id, timeout=20).unwrap() == "mended"
        assert stage.listed("mending") == []

    def test_a_queue_may_do_without(self, stage):
        """With dead_letter false the plan says that nothing is kept: the result is all there is."""
        task_id = stage.producer.using(queue="quiet").submit("fail", "x")

        assert stage.producer.get_result(task_id, timeout=20).status == "failed"
        assert stage.listed("quiet") == []


def test_what_expires_in_its_queue_is_told(stage):
    """A start deadline that passes while no worker takes the task ends it, also where the broker could drop it."""
    with stage.running.frozen():
        soon = stage.producer.using(queue="quiet", expires=timedelta(seconds=1))
        ids = [soon.submit("fail", "late") for _ in range(6)]
        time.sleep(1.2)  # longer than they may wait
    ended = [stage.producer.get_result(task_id, timeout=20) for task_id in ids]

    assert {(one.status, one.error, one.attempts) for one in ended} == {("cancelled", "TaskRevokedError: expired", 0)}
    assert stage.listed("quiet") == []


class TestUnusableMessages:
    """Messages that plain Celery discards."""

    def test_an_unknown_name_is_kept(self, stage):
        """A producer that is newer than its workers loses nothing."""
        task_id = str(uuid.uuid4())
        stage.publish("foreign", [[1], {}, {}], {"task": "of_tomorrow", "id": task_id})
        (letter,) = stage.wait_for("foreign")

        assert (letter["id"], letter["task"], letter["reason"], letter["args"]) == (
            task_id,
            "of_tomorrow",
            "invalid",
            [1],
        )
        assert counted(stage, "foreign", "_unknown") == ["invalid"]
        wait_until(lambda: stage.producer.get_result(task_id).status == "failed", timeout_s=5)

    def test_a_foreign_content_type_is_kept(self, stage):
        """Pickle is never read, and not thrown away either."""
        headers = {"task": "fail", "id": str(uuid.uuid4())}
        stage.publish("binary", b"\x80\x04", headers, content_type="application/x-python-serialize")
        (letter,) = stage.wait_for("binary")

        assert letter["reason"] == "invalid"
        assert "ContentDisallowed" in letter["error"]
        assert letter["body"] == "\\x80\x04"

    @pytest.mark.parametrize("body", ["{", "5", "[[1], 2, 3]"], ids=["no JSON", "no list", "wrong parts"])
    def test_a_body_of_another_shape_is_kept(self, stage, body):
        """A body that plain Celery cannot unpack would end the worker."""
        headers = {"task": "fail", "id": str(uuid.uuid4())}
        stage.publish("shapeless", body.encode(), headers, content_type="application/json", content_encoding="utf-8")
        (letter,) = stage.wait_for("shapeless")
        assert letter["id"] == headers["id"]
        assert stage.dead("purge", "--all", "--queue", "shapeless").stdout == f"purged {letter['id']}\n1 purged\n"

    def test_reading_takes_nothing_away(self, stage):
        """Who reads right after another reader finds every letter: a quorum queue takes them back with a delay."""
        for _ in range(20):
            headers = {"task": "fail", "id": str(uuid.uuid4())}
            stage.publish("shapeless", b"{", headers, content_type="application/json", content_encoding="utf-8")
        stage.wait_for("shapeless", 20)
        store, counts = stage.producer.dead_letters(), []
        with stage.producer.app.connection_for_write() as connection:  # open: to connect would take long enough
            for _ in range(10):
                store.read("shapeless")
                with connection.channel() as channel:
                    counts.append(channel.queue_declare(queue="shapeless.dlq", passive=True).message_count)

        assert counts == [20] * 10
        assert len(store.purge("shapeless", lambda _: True)) == 20

    def test_a_message_without_a_name_is_kept(self, stage):
        """What is no task at all is kept with what it says."""
        stage.publish("named", {"hello": "world"}, {})
        (letter,) = stage.wait_for("named")
        assert letter["task"] is None
        assert letter["body"] == '{"hello": "world"}'

    @pytest.mark.parametrize("entry", ["not json", "{}", "[1]"])
    def test_an_entry_that_is_no_message_does_not_end_the_worker(self, stage, entry):
        """Plain Celery exits with JSONDecodeError; ours keeps the entry and goes on."""
        if stage.broker.kind != "redis":
            pytest.skip("only a Redis list can hold what is no message")
        with stage.producer.app.connection_for_write() as connection:
            connection.default_channel.client.lpush("entries", entry)
        (letter,) = stage.wait_for("entries")

        assert letter["raw"] == entry
        assert stage.running.process.poll() is None
        refused = stage.dead("replay", letter["id"], "--queue", "entries")
        assert refused.returncode == 1
        assert "it is no message that could be sent" in refused.stdout
        assert stage.dead("purge", letter["id"], "--queue", "entries").returncode == 0


def test_the_exporter_counts_them(stage):
    """The depth of each dead letter is a gauge from the first scrape."""
    stage.producer.submit("fail", "counted")
    store = stage.producer.dead_letters()
    wait_until(lambda: store.read("failing"), timeout_s=20)
    with exporter(stage.environment, stage.folder) as probe:
        depth = len(store.read("failing"))
        assert probe.sum_of("task_queue_dead_letter_depth", queue="failing") == depth
        assert probe.sum_of("task_queue_dead_letter_depth", queue="quiet") == 0


def test_wrong_usage_is_told(stage):
    """Unknown ids and flags that contradict each other are errors with a remedy."""
    unknown = stage.dead("show", "nope", "--queue", "quiet")
    both = stage.dead("purge", "--queue", "quiet")

    assert (unknown.returncode, both.returncode) == (1, 1)
    assert unknown.stderr == "task-backend-worker: no dead letter 'nope' in quiet. `list` shows the ids\n"
    assert "either ids or --all" in both.stderr
    assert stage.dead("replay", "nope", "--queue", "quiet").stdout.startswith("not replayed nope: no such dead letter")
    assert stage.dead("list", "--queue", "quiet").stdout == "no dead letters in quiet\n"
