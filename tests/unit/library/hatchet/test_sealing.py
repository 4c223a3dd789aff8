"""Runs of a Hatchet engine whose payloads are encrypted."""

import pytest
from cryptography.fernet import Fernet

from task_abstraction import PayloadUnreadable
from task_abstraction.backends.hatchet.results import parse_error
from task_abstraction.backends.hatchet.sealing import opened_error, opened_run
from task_abstraction.encryption import FernetCodec, Sealer

KEYED, STRANGER = (Sealer(FernetCodec([Fernet.generate_key().decode()])) for _ in range(2))
ERROR = "ValueError: two\nlines: here"


@pytest.mark.parametrize("prefix", ["Sealed: ", "NonRetryableException: "])
def test_an_error_is_read_as_the_body_raised_it(prefix):
    """With its line breaks, and without what the SDK puts around it."""
    told = f"{prefix}{KEYED.seal_text(ERROR)}\nTraceback (most recent call last):\n  ..."

    assert parse_error(opened_error(told, KEYED)) == ERROR


def test_an_error_that_cannot_be_read_says_why():
    """The run has failed all the same."""
    told = f"Sealed: {KEYED.seal_text(ERROR)}\nTraceback"

    assert "(encrypted: it is encrypted, and this process has no key" in opened_error(told, Sealer())
    assert "Add that key to TASK_ENCRYPTION_KEYS" in opened_error(told, STRANGER)
    assert opened_error("ValueError: plain", KEYED) == "ValueError: plain", "engine and SDK write errors, too"


def test_a_result_is_opened_or_refused():
    """A result that is plain, or sealed with another key, is no result."""
    run = {"status": "COMPLETED", "output": KEYED.seal_json({"result": 3})}

    assert opened_run(run, KEYED)["output"] == {"result": 3}
    with pytest.raises(PayloadUnreadable, match="this process has no key"):
        opened_run(run, Sealer())
    with pytest.raises(PayloadUnreadable, match="it is not encrypted"):
        opened_run({"status": "COMPLETED", "output": {"result": 3}}, KEYED)
