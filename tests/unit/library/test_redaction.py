"""No secret leaves the process as text."""

import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_abstraction.config import BackendConfig, redact, redaction
from task_abstraction.config.backend import VARIABLES
from task_abstraction.errors import BackendUnavailable
from task_abstraction.runtime.logs import ConsoleFormatter, JsonFormatter

SECRETS = st.text(
    st.characters(codec="ascii", categories=["L", "N"], include_characters="-_.~!$*+"), min_size=6, max_size=40
)
SECRET_PARAMS = ["token", "api_key", "password", "client_secret"]


def write(formatter, message, *args, exc_info=None):
    """One record through a formatter."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    record = logging.LogRecord("x", logging.INFO, __file__, 1, message, args, exc_info)
    handler.emit(record)
    return stream.getvalue()


@given(secret=SECRETS, name=st.sampled_from(SECRET_PARAMS))
def test_a_secret_setting_is_in_no_output(secret, name):
    """Whatever a setting with a secret name holds appears in no repr, record or error."""
    config = BackendConfig("hatchet", {name: f"Q{secret}Q", "server_url": "https://h:1/x"})
    secret = f"Q{secret}Q"
    outputs = [
        repr(config),
        str(config),
        write(JsonFormatter(), "config %s and raw %s", config, secret),
        write(ConsoleFormatter(), f"failed with {secret}"),
        redact(str(BackendUnavailable("hatchet", "h:1", f"refused {secret}"))),
    ]
    for text in outputs:
        assert secret not in text
    assert "https://h:1/x" in outputs[0]


@given(
    password=SECRETS, user=st.sampled_from(["", "app", "a.b"]), scheme=st.sampled_from(["redis", "amqps", "sentinel"])
)
def test_a_password_in_a_url_is_in_no_output(password, user, scheme):
    """User-info of a URL is masked; host, port and database stay."""
    password = f"Q{password}Q"
    config = BackendConfig("celery", {"broker_url": f"{scheme}://{user}:{password}@broker:6379/4"})

    assert password not in repr(config)
    assert f"{scheme}://***@broker:6379/4" in repr(config)
    assert password not in write(JsonFormatter(), "connecting to %s", f"{scheme}://{user}:{password}@broker:6379/4")
    assert password not in write(JsonFormatter(), "auth failed for %s", password)


def test_a_secret_inside_a_traceback_is_masked():
    """Exceptions of an SDK may carry the whole URL."""
    try:
        int("redis://u:hunter2secret@h/0")
    except ValueError as error:
        text = write(JsonFormatter(), "oops", exc_info=(type(error), error, error.__traceback__))
    assert "hunter2secret" not in text
    assert "redis://***@h/0" in json.loads(text)["exception"]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("token=abc123 next", "token=*** next"),
        ('{"api_key": "abc 123", "x": 1}', '{"api_key": ***, "x": 1}'),
        ("HATCHET_CLIENT_TOKEN: eyJhbGci", "HATCHET_CLIENT_TOKEN: ***"),
        ("tls_client_key_path=/etc/tls.key", "tls_client_key_path=/etc/tls.key"),
        ("keywords: ['a'] monkey=1", "keywords: ['a'] monkey=1"),
        ("amqp://u:p%40ss@h:5672//", "amqp://***@h:5672//"),
        ("plain text", "plain text"),
    ],
)
def test_redaction_by_example(text, masked):
    """Values after secret names are masked; places and ordinary words are not."""
    assert redact(text) == masked


def test_every_secret_variable_has_a_secret_name():
    """A connection parameter that carries a secret is one that the redactor knows."""
    secret = {"api_key", "token", "broker_url", "result_backend", "management_url"}
    everything = {param for params in VARIABLES.values() for param in params}
    assert secret <= everything


@pytest.mark.parametrize("piece", ["A", "a-b.", "a://", "key ", "key=", '"'])
def test_a_text_of_megabytes_is_redacted_in_time(piece):
    """Time grows with the text, not with its square: an error message of 5 MB once stopped a worker for hours."""
    text = piece * (400_000 // len(piece))

    assert redact(f"{text} token=geheim").endswith(" token=***")


def test_a_secret_that_is_a_word_hides_no_name(monkeypatch):
    """Where the secret of one setting is `password`, the value that follows this name is masked all the same."""
    monkeypatch.setattr(redaction, "_known", {"password"})

    assert "hunter2" not in redact('{"password": "hunter2"} password=hunter2')


def test_what_overlaps_is_masked_once():
    """A known secret that goes on behind the value of a name is masked to its end, with one mask."""
    redaction.remember_secret("Zq7,rest-of-it")

    assert redact("api_key=Zq7,rest-of-it.") == "api_key=***."
    assert redact("api_key=Zq7,rest-of-it, x") == "api_key=***, x"
