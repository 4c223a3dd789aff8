"""Encryption on Hatchet: inside the envelope of a call, inside that of its result, and in the text of a failure."""

import re
from collections.abc import Mapping
from typing import Any

from task_abstraction.encryption import Sealer
from task_abstraction.errors import PayloadUnreadable

_SEALED_ERROR = re.compile(r"\A(NonRetryableException: )?(?:Sealed: )?(enc:[\w=-]+)")


class Sealed(Exception):  # noqa: N818 - its name is written into the engine
    """The failure of an attempt; its message is the error of the body, encrypted."""


def opened_run(run: Mapping[str, Any], sealer: Sealer) -> Mapping[str, Any]:
    """A run whose result and error can be read.

    Raises:
        PayloadUnreadable: the result is encrypted with a key that is not here, or plain where none may be.
    """
    changed: dict[str, Any] = {}
    if run.get("status") == "COMPLETED" and run.get("output") is not None:
        changed["output"] = sealer.open_json(run["output"])
    if run.get("errorMessage"):
        changed["errorMessage"] = opened_error(str(run["errorMessage"]), sealer)
    return {**run, **changed}


def opened_error(text: str, sealer: Sealer) -> str:
    """An error as the SDK serialised it, with our text in clear; or with the reason why it cannot be read here."""

    def in_clear(found: re.Match[str]) -> str:
        try:
            plain = sealer.open_text(found[2])
        except PayloadUnreadable as error:
            plain = f"(encrypted: {error.reason})"
        # The SDK precedes line breaks of a message with a backslash.
        return (found[1] or "") + plain.replace("\n", "\\\n")

    return _SEALED_ERROR.sub(in_clear, text)
