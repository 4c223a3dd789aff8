"""What a Hatchet engine accepts and loses without a word: refused by us, or told."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest

from task_abstraction import Call, TaskStatus
from task_abstraction.backends.hatchet.backend import HatchetBackend
from tests.acceptance.hatchet_support import Fleet, producing
from tests.support.servers import wait_until

pytestmark = pytest.mark.server
SOON = timedelta(seconds=1)
LARGE = 4_190_000
"""Below the limit of the message that we send, above that of the one which the engine sends to a worker."""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory) -> Fleet:
    """Settings and tasks of this module."""
    return Fleet(tmp_path_factory.mktemp("losses"))


@pytest.fixture(scope="module")
def producer(fleet) -> Iterator[HatchetBackend]:
    """A producer beside a worker of the tier file."""
    with fleet.worker("file"), producing(fleet) as backend:
        yield backend


class TestArguments:
    """The engine takes them, answers with an id, and no worker ever gets them."""

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("x" * LARGE, id="as large as a message"),
            pytest.param("<" * 800_000, id="signs that the engine writes as six"),
        ],
    )
    def test_too_large_arguments_are_refused(self, fleet, producer, text):
        """At once, in a batch, and delayed, where the engine's REST takes any size."""
        message = r"^the arguments are too large for the engine: \d+ bytes, at most 4128768. Send a reference instead$"
        name = fleet.name("add")
        with pytest.raises(ValueError, match=message):
            producer.submit(name, {"x": text})
        with pytest.raises(ValueError, match=message):
            producer.submit_many(name, [Call(({"x": text},))])
        with pytest.raises(ValueError, match=message):
            producer.using(delay=SOON).submit(name, {"x": text})

    def test_a_nul_is_refused(self, fleet, producer):
        """PostgreSQL cannot store it; it is no outage of the engine."""
        for given in (producer, producer.using(delay=SOON)):
            with pytest.raises(ValueError, match="the arguments have a NUL character"):
                given.submit(fleet.name("add"), {"x": "a\0b"})

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("<" * 600_000, id="signs that the engine writes as six"),
            pytest.param("\u00fc" * 1_500_000, id="letters that JSON may write as six"),
            pytest.param("a\\u0000b", id="a backslash that is no NUL"),
        ],
    )
    def test_what_fits_arrives(self, fleet, producer, text):
        """Just below the limit, whatever the engine makes of it: the task finds no number in it."""
        failed = producer.get_result(producer.submit(fleet.name("say"), text, fail=True), timeout=60)

        assert failed.error.startswith("ValueError: invalid literal for int() with base 16: ")


class TestReports:
    """A report that the engine cannot take: the run would stay running, and begin again for ever."""

    def test_a_result_that_is_too_large_fails_the_task(self, fleet, producer):
        """Once: another attempt would give it again."""
        done = producer.get_result(producer.submit(fleet.name("say"), "41", 5_000_000), timeout=60)

        assert (done.status, done.attempts) == (TaskStatus.FAILED, 1)
        assert done.error == (
            "UnsendableResultError: the result is too large for the engine: 5000014 bytes, at most 4128768. "
            "Return a reference instead"
        )

    def test_a_result_with_a_nul_fails_the_task(self, fleet, producer):
        """The SDK would try it again."""
        done = producer.get_result(producer.submit(fleet.name("say"), "0"), timeout=60)

        assert (done.status, done.attempts) == (TaskStatus.FAILED, 1)
        assert done.error.startswith("UnsendableResultError: the result has a NUL character")

    def test_an_error_of_any_size_is_told(self, fleet, producer):
        """Its class, the beginning of its message, and the attempts that were declared."""
        failed = producer.get_result(producer.submit(fleet.name("say"), "41", 5_000_000, fail=True), timeout=60)

        assert (failed.status, failed.attempts) == (TaskStatus.FAILED, 2)
        assert failed.error == f"ValueError: {'A' * 10_000}\u2026 (5000000 characters)"

    def test_an_error_with_a_nul_is_told(self, fleet, producer):
        """Its attempts end."""
        failed = producer.get_result(producer.submit(fleet.name("say"), "0", 3, fail=True), timeout=60)

        assert (failed.status, failed.error, failed.attempts) == (TaskStatus.FAILED, r"ValueError: \0\0\0", 2)


class TestRegistrations:
    """What a worker registers, producers follow."""

    def test_a_changed_task_is_followed(self, fleet, producer, monkeypatch):
        """A long-lived producer submits with the limits of the newest registration, also with a key."""
        monkeypatch.setattr("task_abstraction.backends.hatchet.registered.LIFETIME_S", 0.2)
        keys = count()

        def attempts() -> int:
            once = producer.using(idempotency_key=f"{fleet.prefix}-{next(keys)}")
            return producer.get_result(once.submit(fleet.name("flaky"), 9), timeout=60).attempts

        assert attempts() == 3
        tasks = (fleet.folder / f"{fleet.prefix}.py").read_text()
        (fleet.folder / f"{fleet.prefix}_new.py").write_text(tasks.replace("max_attempts=3", "max_attempts=2"))
        with fleet.worker("file", TASK_MODULES=f"{fleet.prefix}_new"):
            wait_until(lambda: attempts() == 2, timeout_s=30, what="the new limit")
