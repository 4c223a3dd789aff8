"""What outages and secrets promise."""

# ruff: noqa: S101 - tests assert

import logging
import time
import uuid

import pytest

from task_abstraction.base import TaskBackend
from task_abstraction.config import BackendConfig
from task_abstraction.errors import BackendUnavailable
from task_abstraction.testing.contract.fixtures import Fixtures

PASSWORD = "kontrakt-geheim-4711"  # noqa: S105 - it is looked for in every output
LONGEST_S = 60.0


class _Unreachable(Fixtures):
    def unreachable(self) -> TaskBackend:
        """The backend without a server."""
        made = self.make_unreachable(PASSWORD)
        if made is None:
            pytest.skip("this backend has no server")
        made.declare("contract_add", queue="contract")
        return made


class OutageContract(_Unreachable):
    """A server that is away is an error of its own, never a result, and never for ever."""

    def test_a_submit_says_so(self) -> None:
        """Submit raises `BackendUnavailable` in reasonable time."""
        backend = self.unreachable()
        begin = time.monotonic()
        with pytest.raises(BackendUnavailable):
            backend.submit("contract_add", 1)
        assert time.monotonic() - begin < LONGEST_S
        backend.close()

    def test_a_look_says_so(self) -> None:
        """A look is neither an unknown id nor a failed task."""
        backend = self.unreachable()
        with pytest.raises(BackendUnavailable):
            backend.get_result(str(uuid.uuid4()))
        backend.close()

    def test_health_says_so(self) -> None:
        """The health check is not ready and gives the reason."""
        backend = self.unreachable()
        health = backend.check_health()
        assert (health.live, health.ready) == (True, False)
        assert all(reason != "ok" for reason in health.checks.values())
        assert not backend.is_connected()
        backend.close()

    def test_a_server_that_answers_is_ready(self, backend: TaskBackend) -> None:
        """The same check on the backend under test is ready."""
        assert backend.check_health().ready
        assert backend.is_connected()


class SecretsContract(_Unreachable):
    """A secret of the configuration appears in no output."""

    def test_a_configuration_prints_no_secret(self, backend: TaskBackend) -> None:
        """`repr` and `str` mask passwords in URLs and values of secret names."""
        secrets = {
            "broker_url": f"redis://user:{PASSWORD}@host:6379/0",
            "token": PASSWORD,
            "api_key": PASSWORD,
            "nested": {"client_secret": PASSWORD},
        }
        config = BackendConfig(backend.backend_type, {**backend.config.connection_params, **secrets})
        assert PASSWORD not in f"{config} {config!r}"
        assert "host:6379" in str(config)

    def test_an_outage_prints_no_secret(self, caplog: pytest.LogCaptureFixture) -> None:
        """Errors, health and logs of a server that is away mask the password and keep the address."""
        backend = self.unreachable()
        with caplog.at_level(logging.DEBUG), pytest.raises(BackendUnavailable) as caught:
            backend.submit("contract_add", 1)
        health = backend.check_health()
        shown = f"{caught.value} {caught.value!r} {health} {backend.config} {backend.address()} {caplog.text}"
        assert PASSWORD not in shown
        assert "127.0.0.1" in str(caught.value)
        backend.close()
