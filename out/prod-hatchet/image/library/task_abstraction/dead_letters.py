"""The dead letter: what failed for good or could not be read, kept with its payload, error, attempts and times."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from task_abstraction.config import redact, redact_value
from task_abstraction.models import Reason

SUFFIX = ".dlq"
"""Dead letters of the queue `q` lie in `q.dlq`."""
VERSION = 1
# Enough to tell raw entries of one queue apart, short enough to type.
_DIGEST_CHARS = 12


def dead_letter_queue(queue: str) -> str:
    """Name of the queue that keeps the dead letters of a queue."""
    return queue + SUFFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One task that failed for good, or one message that no worker can use.

    `message` is what the backend needs to send it again, exactly as it came; `raw` is what came where that was no
    message at all. Times are ISO 8601 in UTC.
    """

    id: str
    queue: str
    reason: str
    error: str
    failed_at: str
    task_id: str | None = None
    task: str | None = None
    attempts: int = 0
    enqueued_at: str | None = None
    message: Mapping[str, Any] | None = None
    raw: str | None = None
    version: int = field(default=VERSION, repr=False)

    @property
    def body(self) -> bytes:
        """Body of the message, byte for byte."""
        message = self.message or {}
        if "body_base64" in message:
            return base64.b64decode(message["body_base64"])
        return str(message.get("body", "")).encode()

    def to_json(self) -> str:
        """The form in which it is stored."""
        return json.dumps(asdict(self), default=str, sort_keys=True)

    def to_public(self) -> dict[str, Any]:
        """Everything an operator may see: secrets are masked, also those among the arguments."""
        shown = {key: value for key, value in asdict(self).items() if key not in {"message", "raw", "version"}}
        shown["error"] = redact(self.error)
        if self.raw is not None:
            return {**shown, "raw": redact(self.raw)}
        message = self.message or {}
        shown["headers"] = redact_value("headers", dict(message.get("headers") or {}))
        shown["content_type"] = message.get("content_type")
        try:
            args, kwargs, *_ = json.loads(self.body)
        except (ValueError, TypeError):
            return {**shown, "body": redact(self.body.decode(errors="backslashreplace"))}
        return {**shown, "args": redact_value("args", args), "kwargs": redact_value("kwargs", kwargs)}


def text_or_base64(name: str, data: bytes) -> dict[str, str]:
    """Bytes as a field of JSON: as text where they are text."""
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data).decode()}


def raw_letter(queue: str, data: bytes, error: str) -> DeadLetter:
    """A letter around something that is no message; the same bytes always get the same id."""
    digest = hashlib.sha256(data).hexdigest()[:_DIGEST_CHARS]
    text = data.decode(errors="backslashreplace")
    return DeadLetter(
        id=f"raw-{digest}", queue=queue, reason=Reason.INVALID, error=error, failed_at=utc_now(), raw=text
    )


def from_json(text: str | bytes, queue: str) -> DeadLetter:
    """Read a stored letter; what is none becomes one, so that `list` shows whatever lies there."""
    data = text.encode() if isinstance(text, str) else text
    try:
        values = json.loads(data)
        letter = DeadLetter(**{name: values[name] for name in DeadLetter.__dataclass_fields__ if name in values})
    except (ValueError, TypeError):
        letter = None
    if letter is not None and _is_readable(letter):
        return letter
    return raw_letter(queue, data, "lies in the dead letter, and was not put there by this library")


def _is_readable(letter: DeadLetter) -> bool:
    texts = (letter.id, letter.queue, letter.reason, letter.error, letter.failed_at)
    return all(isinstance(text, str) for text in texts) and isinstance(letter.message, dict | None)


def utc_now() -> str:
    """The present moment."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def moment(unix_time: float | None) -> str | None:
    """A Unix time in the form of the letters."""
    return None if unix_time is None else datetime.fromtimestamp(unix_time, UTC).isoformat(timespec="milliseconds")


Choice = Callable[[DeadLetter], bool]


class DeadLetterStore(Protocol):
    """Where a backend keeps its dead letters; where a reader hides them, a second one raises `DeadLettersBusy`."""

    def read(self, queue: str) -> list[DeadLetter]:
        """Every letter of a queue, the oldest first."""
        ...

    def replay(self, queue: str, choose: Choice, *, to: str | None = None) -> list[DeadLetter]:
        """Send the chosen letters again and remove them, one after the other; returns those that were sent.

        A letter is sent before it is removed: a process that is killed between the two leaves both.
        """
        ...

    def purge(self, queue: str, choose: Choice) -> list[DeadLetter]:
        """Remove the chosen letters for ever; returns them."""
        ...
