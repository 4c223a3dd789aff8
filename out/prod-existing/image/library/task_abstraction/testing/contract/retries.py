"""What retries promise."""

# ruff: noqa: S101, PLR2004 - tests assert

from task_abstraction.base import TaskBackend
from task_abstraction.models import Feature, TaskStatus
from task_abstraction.testing.contract.fixtures import Fixtures
from task_abstraction.testing.contract.tasks import THIRD_ATTEMPT


class RetryContract(Fixtures):
    """Attempts, delays, errors that are not tried again, one attempt by default."""

    def test_a_later_attempt_completes_the_task(self, backend: TaskBackend) -> None:
        """The third attempt of three gives the result, after the delays of the policy."""
        if not self.gives(backend, Feature.RETRY):
            return
        begin = self.seconds(backend)
        done = self.done(backend, backend.submit("contract_flaky", THIRD_ATTEMPT))
        assert (done.status, done.result) == (TaskStatus.COMPLETED, THIRD_ATTEMPT)
        assert done.attempts == THIRD_ATTEMPT
        if self.keeps_delays:
            # Two delays of 1 s each; servers round to milliseconds.
            assert self.seconds(backend) - begin >= 1.9

    def test_attempts_run_out(self, backend: TaskBackend) -> None:
        """After the last attempt the task is failed with its last error."""
        if not self.gives(backend, Feature.RETRY):
            return
        done = self.done(backend, backend.submit("contract_flaky", 99))
        assert (done.status, done.error) == (TaskStatus.FAILED, "OSError: attempt 3 is too early")
        assert done.attempts == THIRD_ATTEMPT

    def test_a_non_retryable_error_ends_the_task(self, backend: TaskBackend) -> None:
        """An error that the policy excludes is not tried again."""
        if not self.gives(backend, Feature.NON_RETRYABLE):
            return
        done = self.done(backend, backend.submit("contract_never"))
        assert (done.status, done.error, done.attempts) == (TaskStatus.FAILED, "ValueError: never", 1)

    def test_the_default_is_one_attempt(self, backend: TaskBackend) -> None:
        """Without a policy nothing is tried again."""
        done = self.done(backend, backend.submit("contract_fail", "once"))
        assert (done.status, done.attempts) == (TaskStatus.FAILED, 1)
