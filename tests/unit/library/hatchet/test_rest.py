"""The REST client: answers at once, or says that the engine cannot be reached."""

import socket
import time

import pytest

from task_abstraction import BackendUnavailable
from task_abstraction.backends.hatchet.connection import connection_of
from task_abstraction.backends.hatchet.rest import Rest
from task_abstraction.config import BackendConfig
from tests.support.hatchet_token import fake_token


@pytest.fixture
def rest(api):
    """A client of the stand-in."""
    made = Rest(connection_of(BackendConfig("hatchet", {"token": fake_token(), "server_url": api.url}), {}))
    yield made
    made.close()


def test_an_unknown_resource_is_none_at_once(rest):
    """The SDK's client repeats it for 16 s."""
    began = time.monotonic()

    assert rest.get("/nope", limit_s=5) is None
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, {}, r"the token was refused \(HTTP 401\)"),
        (403, {}, r"the token was refused \(HTTP 403\)"),
        (429, b"slow down", r"HTTP 429: slow down"),
        (500, {"message": "no"}, r'HTTP 500: \{"message": "no"\}'),
        (200, b"<html>", "the answer is no JSON: is this the address of the engine's API"),
    ],
    ids=["unauthorised", "forbidden", "too many requests", "broken", "a web page"],
)
def test_what_is_no_answer_makes_the_engine_unavailable(api, rest, status, body, reason):
    """The reason says which kind, and the address where."""
    api.answers["/x"] = (status, body)

    with pytest.raises(BackendUnavailable, match=reason) as raised:
        rest.get("/x", limit_s=5)
    assert raised.value.address == api.url


def test_a_server_that_says_nothing_is_given_up_in_time():
    """The limit of the caller holds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        rest = Rest(connection_of(BackendConfig("hatchet", {"token": fake_token(), "server_url": url}), {}))
        began = time.monotonic()
        with pytest.raises(BackendUnavailable, match="ReadTimeoutError"):
            rest.get("/x", limit_s=0.3)
        assert time.monotonic() - began < 2
        rest.close()
