"""What fits through the engine."""

import json

import pytest

from task_abstraction.backends.hatchet.limits import UnsendableResultError, check_arguments, checked_result, reportable

SMALL = {"args": ["<é>"], "kwargs": {}}


@pytest.fixture(autouse=True)
def _limit(monkeypatch):
    """Room for 1000 bytes of payload, as far as the variables of the SDK say."""
    monkeypatch.setenv("HATCHET_CLIENT_GRPC_MAX_RECV_MESSAGE_LENGTH", str(1000 + 64 * 2**10))


@pytest.mark.parametrize("text", ["x" * 980, "<" * 163, "é" * 490, "é" * 300, 'a\\u0000 "\\'])
def test_arguments_that_fit_are_sent_as_they_are(text):
    """The engine writes `<` as six characters, and `é` as two bytes."""
    assert json.loads(check_arguments({"args": [text]})) == {"args": [text]}


@pytest.mark.parametrize("text", ["x" * 990, "<" * 170, "é" * 500])
def test_arguments_that_do_not_fit_are_refused(text):
    """With both figures."""
    with pytest.raises(
        ValueError, match=r"too large for the engine: \d+ bytes, at most 1000\. Send a reference instead"
    ):
        check_arguments({"args": [text]})


@pytest.mark.parametrize("text", ["\0", "a\\\0"])
def test_a_nul_is_refused_both_ways(text):
    """Also behind a backslash of the text itself."""
    with pytest.raises(ValueError, match="the arguments have a NUL"):
        check_arguments({"args": [text]})
    with pytest.raises(UnsendableResultError, match="the result has a NUL"):
        checked_result({"result": text})


def test_a_result_may_be_as_large_as_a_message():
    """The worker sends it as it is."""
    assert checked_result({"result": "<" * 900}) == {"result": "<" * 900}
    with pytest.raises(UnsendableResultError, match=r"at most 1000\. Return a reference instead"):
        checked_result({"result": "x" * 1000})


def test_an_error_is_told_whole_where_that_works():
    """The error itself, with its traceback."""
    error = ValueError("short")

    assert reportable(error) is error


def test_an_error_that_the_engine_could_not_take_is_shortened():
    """Same class name, visible NULs, no cause that has the whole text."""
    told = reportable(KeyError("a\0b"))
    long = reportable(OSError("x" * 300_000))

    assert (type(told).__name__, str(told)) == ("KeyError", "'a\\x00b'")
    assert str(long) == "x" * 10_000 + "… (300000 characters)"
    assert str(reportable(OSError("a\0b"))) == "a\\0b"
