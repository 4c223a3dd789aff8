"""What fits through the engine: a message has a size, and no text may have a NUL character.

The engine accepts what it cannot hand on (v0.104.7, measured): arguments beyond the limit of a message never reach a
worker, of a result or an error beyond it nobody hears, and an attempt whose error has a NUL is begun again for ever.
"""

import json
import os
import re
import traceback
from typing import Any

# ruff: noqa: ANN401 - arguments and results of tasks are anything that JSON can say

MESSAGE_BYTES = 4 * 2**20
"""Limit of a message, of the engine and of the SDK."""
VARIABLES = ("HATCHET_CLIENT_GRPC_MAX_SEND_MESSAGE_LENGTH", "HATCHET_CLIENT_GRPC_MAX_RECV_MESSAGE_LENGTH")
"""Variables of the SDK that move its limit; the engine's has to be moved with them."""
BESIDE_BYTES = 64 * 2**10
"""Part of a message that is no payload: ids, names, metadata."""
ERROR_CHARS = 256 * 2**10
"""Length from which an error is told without its traceback."""
KEPT_CHARS = 10_000
_ESCAPED = re.compile("[<>&\u2028\u2029]")
"""Characters that the engine writes as six."""
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class UnsendableResultError(ValueError):
    """A result that the engine cannot take; another attempt would give it again."""


def payload_bytes() -> int:
    """Largest payload of a message."""
    return min(int(os.environ.get(name) or MESSAGE_BYTES) for name in VARIABLES) - BESIDE_BYTES


def check_arguments(envelope: Any) -> str:
    """JSON of arguments that a worker will get.

    Raises:
        ValueError: they are too large as the engine writes them, or have a NUL.
    """
    text = json.dumps(envelope)
    if _NUL.search(text):
        raise ValueError("the arguments have a NUL character, which the engine cannot store. Remove it")
    limit = payload_bytes()
    if len(text) + 5 * len(_ESCAPED.findall(text)) <= limit:
        return text
    # Near the limit exactly: the engine writes letters beyond ASCII as they are.
    plain = json.dumps(envelope, ensure_ascii=False, separators=(",", ":"))
    size = len(plain.encode(errors="surrogatepass")) + 5 * len(_ESCAPED.findall(plain))
    if size > limit:
        raise ValueError(
            f"the arguments are too large for the engine: {size} bytes, at most {limit}. Send a reference instead"
        )
    return plain


def checked_result(output: dict[str, Any]) -> dict[str, Any]:
    """Return a result that can be reported.

    Raises:
        UnsendableResultError: it is too large, or has a NUL.
    """
    text = json.dumps(output, ensure_ascii=False)
    if _NUL.search(text):
        raise UnsendableResultError("the result has a NUL character, which the engine cannot store. Remove it")
    size, limit = len(text.encode(errors="surrogatepass")), payload_bytes()
    if size > limit:
        raise UnsendableResultError(
            f"the result is too large for the engine: {size} bytes, at most {limit}. Return a reference instead"
        )
    return output


def reportable(error: Exception) -> Exception:
    """The error, or where the engine could not take it, one of the same name with a part of its message."""
    whole = "".join(traceback.format_exception(error))
    if len(whole) <= ERROR_CHARS and "\0" not in whole:
        return error
    text = str(error).replace("\0", "\\0")
    shown = text if len(text) <= KEPT_CHARS else f"{text[:KEPT_CHARS]}… ({len(text)} characters)"
    shorter: type[Exception] = type(type(error).__name__, (Exception,), {})
    return shorter(shown)
