"""Encryption on Temporal: a payload codec for clients and workers; the text of failures goes through it as well."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec
from temporalio.exceptions import ApplicationError

from task_abstraction.encryption import MARK, Sealer
from task_abstraction.errors import PayloadUnreadable

ENCODING = b"binary/encrypted"
KEY_ID = "encryption-key-id"
UNREADABLE = "PayloadUnreadable"
"""Type of the error of a task whose payload this process cannot read."""
UNDECODED = "Failed decoding arguments"
"""The SDK's own words (temporalio 1.35) around what went wrong with the arguments of an activity."""
NO_CONVERTER = "Unknown payload encoding binary/encrypted"
ENCODED_FAILURE = "Encoded failure"
"""The SDK's own words in the place of an encrypted error text."""


class SealingCodec(PayloadCodec):
    """Encrypts each payload as a whole."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt."""
        return [self._sealed(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt.

        Raises:
            ApplicationError: a payload cannot be read here; it ends a workflow, which would be tried for ever.
        """
        return [self._opened(payload) for payload in payloads]

    def _sealed(self, payload: Payload) -> Payload:
        assert self._sealer.codec is not None  # noqa: S101 - made only with a key
        data = self._sealer.seal(payload.SerializeToString())
        return Payload(metadata={"encoding": ENCODING, KEY_ID: self._sealer.codec.key_id.encode()}, data=data)

    def _opened(self, payload: Payload) -> Payload:
        try:
            if payload.metadata.get("encoding") == ENCODING:
                return Payload.FromString(self._sealer.open(payload.data))
            self._sealer.check_plain()
        except PayloadUnreadable as error:
            raise ApplicationError(error.reason, type=UNREADABLE, non_retryable=True) from None
        return payload


def converter_of(sealer: Sealer) -> DataConverter:
    """What turns values into payloads and back; the SDK's own where there is no key."""
    if not sealer.seals:
        return DataConverter.default
    return DataConverter(
        payload_codec=SealingCodec(sealer), failure_converter_class=DefaultFailureConverterWithEncodedAttributes
    )


def no_key() -> str:
    """Why a process without a key cannot read a payload."""
    try:
        Sealer().open(MARK)
    except PayloadUnreadable as error:
        return error.reason
    raise AssertionError("a process without a key reads nothing that is sealed")


def unreadable(error: BaseException) -> PayloadUnreadable | None:
    """What an error of the SDK says about a payload that cannot be read here; None where it is about something else."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ApplicationError) and cause.type == UNREADABLE:
            hidden = cause.message == ENCODED_FAILURE
            return PayloadUnreadable(f"(encrypted: {no_key()})" if hidden else cause.message)
        if NO_CONVERTER in str(cause):
            return PayloadUnreadable(no_key())
        cause = cause.__cause__
    return None


@contextmanager
def reading() -> Iterator[None]:
    """Say in our words that a result cannot be read.

    Raises:
        PayloadUnreadable: the key is not here; or it is plain, and this process takes nothing plain.
    """
    try:
        yield
    except Exception as error:
        found = unreadable(error)
        if found is None:
            raise
        raise found from None
