"""Encryption on Celery: a serializer of kombu for messages, the result store's own encoding, the text of letters."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from celery.backends.base import BaseKeyValueStoreBackend, DisabledBackend
from kombu.exceptions import ContentDisallowed
from kombu.serialization import register
from kombu.utils import json

from task_abstraction.dead_letters import DeadLetter, text_or_base64
from task_abstraction.encryption import MARK, Sealer
from task_abstraction.errors import ConfigurationError, PayloadUnreadable

CONTENT_TYPE = "application/x-taskgen-encrypted"
JSON = "application/json"
HIDDEN = "<encrypted>"
"""Stands in the headers for the arguments, which Celery would write there once more, readable."""
_readers: list[Sealer] = []  # kombu has one registry for a process, whose backends may have different keys


class Unreadable(dict[str, Any]):
    """A record that cannot be decrypted here; whoever asks it for more than its state hears why."""

    def __missing__(self, _: str) -> Any:  # noqa: ANN401 - it never returns
        """Raise the reason."""
        raise self["result"]


def _read(data: Any) -> Any:  # noqa: ANN401 - bytes or memoryview in, JSON out
    reason = PayloadUnreadable("no key")
    for reader in _readers:
        try:
            return json.loads(reader.open(bytes(data)))
        except PayloadUnreadable as error:
            reason = error
    raise reason


def serialization(sealer: Sealer) -> Mapping[str, Any]:
    """Settings of an application that encrypts its messages; nothing where there is no key."""
    if sealer.codec is None:
        return {}
    if sealer not in _readers:
        _readers.insert(0, sealer)
    name = f"encrypted-{sealer.codec.key_id}"

    def write(value: object) -> bytes:
        return sealer.seal(json.dumps(value).encode())

    # celery-types says that a serializer writes text
    register(name, write, _read, content_type=CONTENT_TYPE, content_encoding="binary")  # type: ignore[arg-type]
    accepted = [CONTENT_TYPE, *([JSON] if sealer.accept_plain else [])]
    return {"task_serializer": name, "accept_content": accepted}


def seal_results(store: Any, sealer: Sealer) -> None:  # noqa: ANN401 - a class chosen by URL
    """Make a result store encrypt each record as a whole: value, error, traceback.

    Raises:
        ConfigurationError: this kind of store keeps parts of a record beside it, in clear.
    """
    if isinstance(store, DisabledBackend):
        return
    if sealer.seals and not isinstance(store, BaseKeyValueStoreBackend):
        raise ConfigurationError(
            f"{type(store).__name__} cannot keep encrypted results. Set CELERY_RESULT_BACKEND to a redis:// store",
            source="CELERY_RESULT_BACKEND",
        )
    encode, decode = store.encode, store.decode

    def sealed(value: object) -> Any:  # noqa: ANN401 - str or bytes
        text = encode(value)
        return sealer.seal(text.encode() if isinstance(text, str) else bytes(text)) if sealer.seals else text

    def opened(data: Any) -> Any:  # noqa: ANN401 - str or bytes in, JSON out
        raw = data.encode() if isinstance(data, str) else data
        is_text = isinstance(raw, bytes)
        return decode(sealer.open(raw) if is_text and (sealer.seals or raw.startswith(MARK)) else data)

    def record(data: Any) -> Any:  # noqa: ANN401 - Celery's record
        # Celery reads a record before it writes a new state over it, which must not end the worker; and whoever waits
        # is to hear of it, so it counts as an end.
        try:
            return store.meta_from_decoded(opened(data))
        except PayloadUnreadable as error:
            return Unreadable(status="FAILURE", result=error)

    store.encode, store.decode, store.decode_result = sealed, opened, record


def refusal(message: Any, error: BaseException) -> str | None:  # noqa: ANN401 - kombu's Message
    """Why a message whose content type is not accepted came from a process with other keys; None: another reason."""
    if not isinstance(error, ContentDisallowed):
        return None
    if message.content_type == CONTENT_TYPE:
        return _reason(Sealer(), MARK)
    return _reason(_readers[0], b"") if CONTENT_TYPE in (message.accept or ()) else None


def _reason(sealer: Sealer, data: bytes) -> str | None:
    try:
        sealer.open(data)
    except PayloadUnreadable as error:
        return f"PayloadUnreadable: {error.reason}"
    return None


def sealed_letter(letter: DeadLetter, sealer: Sealer) -> DeadLetter:
    """A letter as it is stored: its message is sealed as it came, its error by us."""
    return replace(letter, error=sealer.seal_text(letter.error))


def check_replay(message: Mapping[str, Any], sealer: Sealer) -> None:
    """Refuse to send an encrypted message again from a process without a key: its new state would be written in clear.

    Raises:
        PayloadUnreadable: this process has no key.
    """
    if message.get("content_type") == CONTENT_TYPE and not sealer.seals:
        sealer.open(MARK)


def opened_letter(letter: DeadLetter, sealer: Sealer) -> DeadLetter:
    """A letter as an operator reads it; what cannot be read here says so."""
    try:
        error = sealer.open_text(letter.error)
    except PayloadUnreadable as unreadable:
        error = f"encrypted: {unreadable.reason}"
    if letter.message is None or letter.message.get("content_type") != CONTENT_TYPE:
        return replace(letter, error=error)
    try:
        body = sealer.open(letter.body)
    except PayloadUnreadable as unreadable:
        body = f"encrypted: {unreadable.reason}".encode()
    kept = {name: value for name, value in letter.message.items() if not name.startswith("body")}
    return replace(letter, error=error, message={**kept, **text_or_base64("body", body)})
