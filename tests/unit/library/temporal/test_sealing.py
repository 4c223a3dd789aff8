"""The payload codec of Temporal, without a server."""

import asyncio

import pytest
from cryptography.fernet import Fernet
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.client import WorkflowExecution
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError

from task_abstraction.backends.temporal.flows import unfinished
from task_abstraction.backends.temporal.results import root_error
from task_abstraction.backends.temporal.sealing import converter_of
from task_abstraction.encryption import FernetCodec, Sealer, key_id_of

KEY = Fernet.generate_key().decode()
KEYED = Sealer(FernetCodec([KEY]))
PATIENT = "Ophelia Marlowe"


def failure_of(converter, error):
    """What the server keeps of an error."""
    kept = Failure()
    asyncio.run(converter.encode_failure(error, kept))
    return kept


def test_a_payload_names_its_key_and_nothing_else():
    """Metadata tells a reader which key it needs."""
    (sealed,) = asyncio.run(converter_of(KEYED).encode([{"patient": PATIENT}]))

    assert dict(sealed.metadata) == {"encoding": b"binary/encrypted", "encryption-key-id": key_id_of(KEY).encode()}
    assert PATIENT.encode() not in sealed.SerializeToString()
    assert asyncio.run(converter_of(KEYED).decode([sealed])) == [{"patient": PATIENT}]


def test_the_text_of_a_failure_is_sealed():
    """Message and stack trace; the class stays, because retry policies name it."""
    kept = failure_of(converter_of(KEYED), ApplicationError(PATIENT, type="ValueError"))

    assert PATIENT.encode() not in kept.SerializeToString()
    assert kept.application_failure_info.type == "ValueError"
    read = asyncio.run(converter_of(KEYED).decode_failure(kept))
    assert root_error(read) == f"ValueError: {PATIENT}"


def test_a_reader_without_the_key_is_told_of_it():
    """The state is known, its text is not."""
    kept = failure_of(converter_of(KEYED), ApplicationError(PATIENT, type="ValueError"))
    read = asyncio.run(DataConverter.default.decode_failure(kept))

    assert str(root_error(read)).startswith("ValueError: (encrypted: it is encrypted, and this process has no key")


def test_a_plain_payload_ends_a_workflow_instead_of_its_tasks():
    """The SDK tries a workflow task again for ever, unless the error says that it may not."""
    (plain,) = asyncio.run(DataConverter.default.encode(["x"]))
    with pytest.raises(ApplicationError) as error:
        asyncio.run(converter_of(KEYED).decode([plain]))

    assert (error.value.type, error.value.non_retryable) == ("PayloadUnreadable", True)
    lenient = converter_of(Sealer(KEYED.codec, accept_plain=True))
    assert asyncio.run(lenient.decode([Payload.FromString(plain.SerializeToString())])) == ["x"]


def test_a_workflow_that_cannot_be_read_hides_no_queue():
    """The exporter sees every queue, also beside a workflow of a key that is gone: that one counts as one step."""
    (readable,) = asyncio.run(converter_of(KEYED).encode([{"open": {"high": 2}}]))
    (plain,) = asyncio.run(DataConverter.default.encode([{"open": {"high": 2}}]))

    class Listing:
        async def list_workflows(self, *_, **__):
            for payload in (plain, readable):
                info = WorkflowExecutionInfo(task_queue="low")
                info.memo.fields["progress"].CopyFrom(payload)
                yield WorkflowExecution._from_raw_info(info, "default", converter_of(KEYED))  # noqa: SLF001 - as the client does

    found = asyncio.run(unfinished(Listing()))
    assert (found.workflows, found.steps) == ({"low": 2}, {"low": 1, "high": 2})


def test_without_a_key_the_converter_is_the_sdk_s_own():
    """No codec, no cost."""
    assert converter_of(Sealer()) is DataConverter.default
