"""Dead letters where no broker is needed: their form, what is masked, the queues of RabbitMQ, the flags."""

import base64
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from task_abstraction.config import parse_plan
from task_abstraction.dead_letter_command import _choice, age, parser
from task_abstraction.dead_letters import DeadLetter, from_json, raw_letter
from task_abstraction.errors import ConfigurationError
from task_abstraction.models import Reason
from tests.support.need import need

need("celery")

from kombu import Queue  # noqa: E402

from task_abstraction.backends.celery.letters import letter_in, letter_of  # noqa: E402
from task_abstraction.backends.celery.queues import (  # noqa: E402
    DELIVERY_LIMIT,
    declaration_of_dead_letter,
    deliverable,
    queue_of_routing_key,
    with_dead_letter,
)
from task_abstraction.backends.celery.unusable import fault_of_entry, fault_of_message  # noqa: E402

HEADERS = {"task": "charge", "id": "i1", "retries": 2, "x-taskgen-enqueued-at": "0.0", "x-death": []}


def message(body=b"[[1], {}, {}]", headers=HEADERS, payload=None, **properties):
    """What kombu hands over, as far as letters look at it."""
    return SimpleNamespace(
        headers=headers,
        body=body,
        payload=payload,
        properties=properties,
        content_type="application/json",
        content_encoding="utf-8",
        delivery_info={"routing_key": "q"},
    )


class TestForeign:
    """What others put into a dead letter: it must not keep the rest from being listed."""

    @pytest.mark.parametrize("changed", [{"message": 5}, {"error": None}, {"failed_at": 1}, {"id": ["a"]}])
    def test_fields_of_another_kind_are_raw(self, changed):
        """It looks like a letter, and is none."""
        text = json.dumps({**json.loads(raw_letter("q", b"x", "y").to_json()), **changed})
        assert from_json(text, "q").raw == text

    @pytest.mark.parametrize("deaths", ["text", [], ["text"], [{}], 5])
    def test_any_death_is_read(self, deaths):
        """A producer may have written anything where the broker says why."""
        letter = letter_in(message(headers={**HEADERS, "x-death": deaths}), "q")
        assert (letter.id, letter.reason) == ("i1", "invalid")

    def test_the_broker_says_when(self):
        """The moment of the broker's own dead-lettering stays the same at each look, and `--older-than` finds it."""
        death = {"reason": "delivery_limit", "time": datetime(2026, 1, 2, 3, 4, 5)}  # noqa: DTZ001 - as amqp reads it
        letter = letter_in(message(headers={**HEADERS, "x-death": [death]}), "q")
        assert (letter.failed_at, letter.reason) == ("2026-01-02T03:04:05.000+00:00", "worker_lost")


class TestLetter:
    """The stored form."""

    def test_it_says_what_failed_and_how_often(self):
        """Attempts are the repetitions and the first one; times are ISO 8601."""
        letter = letter_of(message(), queue="q", reason=Reason.ERROR, error="ValueError: x")
        assert (letter.id, letter.task, letter.attempts) == ("i1", "charge", 3)
        assert letter.enqueued_at == "1970-01-01T00:00:00.000+00:00"

    def test_it_survives_its_json(self):
        """What is read is what was written."""
        letter = letter_of(message(), queue="q", reason=Reason.ERROR, error="x")
        assert from_json(letter.to_json(), "q") == letter

    @pytest.mark.parametrize("body", [b"[[1], {}, {}]", b"\x80\x04", b""], ids=["text", "binary", "empty"])
    def test_the_body_is_kept_byte_for_byte(self, body):
        """Replay sends what came."""
        letter = from_json(letter_of(message(body), queue="q", reason=Reason.ERROR, error="x").to_json(), "q")
        assert letter.body == body

    def test_what_the_broker_counted_is_not_kept(self):
        """A replay begins anew."""
        letter = letter_of(message(), queue="q", reason=Reason.ERROR, error="x")
        assert "x-death" not in letter.message["headers"]

    def test_secrets_are_masked_for_eyes(self):
        """In errors, in keywords, and in what is no message."""
        body = json.dumps([[], {"api_key": "k-123456"}, {}]).encode()
        letter = letter_of(message(body), queue="q", reason=Reason.ERROR, error="at redis://u:pw12@h/0")
        raw = raw_letter("q", b'{"password": "hunter2"}', "x")
        assert "k-123456" not in json.dumps(letter.to_public())
        assert "pw12" not in json.dumps(letter.to_public())
        assert "hunter2" not in json.dumps(raw.to_public())

    def test_foreign_entries_become_letters(self):
        """`list` shows whatever lies there; the same bytes get the same id."""
        assert from_json("nonsense", "q").id == from_json(b"nonsense", "q").id
        assert from_json("nonsense", "q").raw == "nonsense"


class TestQueues:
    """Queues of RabbitMQ."""

    def test_a_quorum_queue_has_a_limit_and_a_place_for_what_exceeds_it(self):
        """Without the limit a task that kills its worker would run for ever; without the place it would be lost."""
        queue = with_dead_letter(Queue("q", queue_arguments={"x-queue-type": "quorum"}))
        assert queue.queue_arguments["x-delivery-limit"] == DELIVERY_LIMIT
        assert queue.queue_arguments["x-dead-letter-routing-key"] == "q.dlq"
        assert queue.queue_arguments["x-dead-letter-strategy"] == "at-least-once"

    def test_a_classic_queue_has_no_limit(self):
        """RabbitMQ refuses the argument there."""
        assert set(with_dead_letter(Queue("q")).queue_arguments) == {
            "x-dead-letter-exchange",
            "x-dead-letter-routing-key",
        }

    def test_a_declared_limit_stays(self):
        """What the settings say wins."""
        given = {"x-queue-type": "quorum", "x-delivery-limit": 3}
        assert with_dead_letter(Queue("q", queue_arguments=given)).queue_arguments["x-delivery-limit"] == 3

    def test_the_dead_letter_is_replicated_where_its_queue_is(self):
        """A quorum queue beside a quorum queue, durable in any case."""
        of_quorum = declaration_of_dead_letter(Queue("q", queue_arguments={"x-queue-type": "quorum"}))
        assert of_quorum.queue_arguments["x-queue-type"] == "quorum"
        assert declaration_of_dead_letter(Queue("q")).durable

    def test_a_delay_of_quorum_queues_is_whole_and_keeps_the_queue(self):
        """Below a second Celery raises, and without a queue it sends to the default one."""
        sent = deliverable({"countdown": 0.1, "exchange": "q", "routing_key": "q"}, lambda name: name == "q")
        assert sent == {"countdown": 1, "queue": "q"}
        soon = deliverable({"eta": datetime.now(UTC), "queue": "q"}, lambda _: True)
        assert soon["eta"] - datetime.now(UTC) > timedelta(seconds=1)
        assert deliverable({"queue": "q"}, lambda _: True) == {"queue": "q"}

    def test_the_delay_is_no_part_of_a_queues_name(self):
        """Native delayed delivery writes it before the routing key."""
        assert queue_of_routing_key("0." * 27 + "1.low.priority") == "low.priority"


@pytest.mark.parametrize(
    "raw", [b"x", b"[1]", b"{}", b'{"properties": {}}', b'{"properties": null}', b'{"body": "a", "properties": {}}']
)
def test_an_entry_that_kombu_would_die_of_is_seen(raw):
    """Each of them ends a plain worker."""
    assert fault_of_entry(SimpleNamespace(decode_body=lambda body, _: base64.b64decode(body)), raw) is not None


@pytest.mark.parametrize(
    "found",
    [
        message(payload=5),
        message(payload=[[1], {}]),
        message(payload=["x", {}, {}]),
        message(headers={"task": "t"}, payload=[[], {}, {}]),
        message(headers={"task": 7, "id": "i"}, payload=[[], {}, {}]),
    ],
    ids=["a number", "two parts", "text for arguments", "no id", "a number for a name"],
)
def test_a_message_of_another_shape_is_seen(found):
    """Celery would unpack it and end."""
    assert fault_of_message(found) is not None


def test_a_good_message_passes():
    """Also one of the first protocol, which is left to Celery."""
    assert fault_of_message(message(payload=[[1], {}, {}])) is None
    assert fault_of_message(message(headers={})) is None


def test_a_queue_keeps_letters_unless_the_plan_says_otherwise():
    """Also one that the plan does not know."""
    plan = parse_plan({"queues": {"a": {"backend": "celery", "dead_letter": False}, "b": {"backend": "celery"}}})
    assert [plan.keeps_dead_letters(name) for name in ("a", "b", "c")] == [False, True, True]


class TestChoice:
    """Which letters a command means."""

    def test_an_age_is_told_from_nonsense(self):
        """Units are seconds, minutes, hours and days."""
        assert age("14d") == timedelta(days=14)
        with pytest.raises(Exception, match="write 90s, 15m, 12h or 14d"):
            age("a while")

    @pytest.mark.parametrize("flags", [[], ["x", "--all"], ["x", "--older-than", "1d"]])
    def test_contradictions_are_refused(self, flags):
        """Nothing is purged by a command that could be read in two ways."""
        with pytest.raises(ConfigurationError):
            _choice(parser().parse_args(["purge", "--queue", "q", *flags]))

    def test_older_than_chooses_by_the_time_of_the_failure(self):
        """Letters of today stay."""
        choose = _choice(parser().parse_args(["purge", "--queue", "q", "--all", "--older-than", "1d"]))
        new = DeadLetter(id="a", queue="q", reason="error", error="x", failed_at=datetime.now(UTC).isoformat())
        old = DeadLetter(id="b", queue="q", reason="error", error="x", failed_at="2020-01-01T00:00:00+00:00")
        assert [choose(new), choose(old)] == [False, True]
