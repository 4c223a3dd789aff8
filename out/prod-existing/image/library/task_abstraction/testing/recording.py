"""The backend that runs nothing and remembers what was submitted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from task_abstraction.base import Submission
from task_abstraction.capabilities import Capability
from task_abstraction.codec import decode_call
from task_abstraction.config import BackendConfig, WorkerPlan
from task_abstraction.models import Feature, SubmitOptions
from task_abstraction.testing.attempts import Record
from task_abstraction.testing.local import LocalBackend, table

F = Feature
ACCEPTED = (F.DELAY, F.ETA, F.EXPIRES, F.PRIORITY, F.QUEUE_OVERRIDE, F.IDEMPOTENCY, F.RETRY, F.NON_RETRYABLE)
DECLARED = (F.RESULTS, F.NOT_FOUND, F.ASYNC_TASKS, F.TIME_LIMIT, F.CANCEL_PENDING, F.BATCH, F.CHAIN, F.GROUP, F.CHORD)
GIVES = dict.fromkeys((*ACCEPTED, *DECLARED), "recorded")


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One submit: the arguments as the task would have received them, after JSON."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    options: SubmitOptions = field(default_factory=SubmitOptions)
    queue: str = ""
    task_id: str = field(default="", compare=False)


class RecordingBackend(LocalBackend):
    """Runs nothing; `.calls` lists what was submitted, in order. A task stays pending."""

    backend_type: ClassVar[str] = "recording"
    capabilities: ClassVar[Sequence[Capability]] = table("recording", GIVES, "nothing runs")

    def __init__(
        self,
        config: BackendConfig | None = None,
        *,
        plan: WorkerPlan | None = None,
        like: str | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(config, plan=plan, like=like, facts=facts)
        self.calls: list[RecordedCall] = []

    def _send(self, submission: Submission) -> str:
        record = self._enter(submission)
        if record is None:
            return self._known_id(submission)
        envelope = record.envelope()
        known = self.definition(submission.name)
        args, kwargs = (
            (tuple(envelope["args"]), dict(envelope["kwargs"])) if known is None else decode_call(known.fn, envelope)
        )
        self.calls.append(
            RecordedCall(submission.name, args, kwargs, submission.options, submission.queue, submission.task_id)
        )
        return submission.task_id

    def _send_step(self, submission: Submission, when_done: Callable[[Record], None]) -> None:
        del when_done  # a step that does not run has no end
        self._send(submission)
