"""What refusals promise."""

# ruff: noqa: S101 - tests assert

import pytest

from task_abstraction.base import TaskBackend
from task_abstraction.models import Feature, Support
from task_abstraction.testing.contract.fixtures import ASKS, Fixtures


class RefusalContract(Fixtures):
    """Nothing is dropped in silence: what a backend cannot give, it refuses."""

    @pytest.mark.parametrize("feature", sorted(ASKS))
    def test_a_feature_is_taken_or_refused(self, backend: TaskBackend, feature: Feature) -> None:
        """Asking works where the feature is given, and is refused with the exact words where it is not."""
        if backend.supports(feature) is Support.REFUSED:
            self.assert_refused(backend, feature)
        else:
            ASKS[feature].call(backend)

    @pytest.mark.parametrize("feature", sorted(Feature))
    def test_a_feature_is_declared(self, backend: TaskBackend, feature: Feature) -> None:
        """The backend says about every feature how it gives it; a refusal says what to do instead."""
        record = backend.capability_of(feature)
        assert record is not None
        assert record.mechanism
        assert record.hint or record.support is not Support.REFUSED

    def test_a_refusal_can_be_a_warning(
        self, backend: TaskBackend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """With TASK_UNSUPPORTED=warn each refused feature is said once, and the call goes on."""
        refused = [
            one
            for one in (Feature.IDEMPOTENCY, Feature.EXPIRES, Feature.DELAY, Feature.PRIORITY)
            if backend.supports(one) is Support.REFUSED
        ]
        monkeypatch.setenv("TASK_UNSUPPORTED", "warn")
        for feature in refused * 2:
            ASKS[feature].call(backend)
        said = [record.message for record in caplog.records if "cannot honour" in record.message]
        assert len(said) == len(refused)
