"""What registration promises."""

# ruff: noqa: S101 - tests assert

import pytest

from task_abstraction.base import TaskBackend
from task_abstraction.errors import ConfigurationError, TaskAlreadyRegistered
from task_abstraction.testing.contract.fixtures import Fixtures


def _one() -> int:
    return 1


def _two() -> int:
    return 2


class RegistrationContract(Fixtures):
    """`register_task` in its three forms, names, duplicates."""

    def test_a_function_comes_back_unchanged(self, backend: TaskBackend) -> None:
        """`register_task(fn)` is the function itself."""

        def contract_plain() -> int:
            return 1

        assert backend.register_task(contract_plain) is contract_plain
        assert backend.is_known("contract_plain")

    def test_a_factory_takes_name_and_queue(self, backend: TaskBackend) -> None:
        """`register_task(name=..., queue=...)` decorates."""
        assert backend.register_task(name="contract_named", queue="contract")(_one) is _one
        assert backend.queue_for("contract_named") == "contract"

    def test_a_call_takes_a_name(self, backend: TaskBackend) -> None:
        """`register_task(fn, "name")` registers under that name alone."""
        assert backend.register_task(_one, "contract_called") is _one
        assert backend.is_known("contract_called")
        assert not backend.is_known("_one")

    def test_one_name_two_functions_is_refused(self, backend: TaskBackend) -> None:
        """A second function under the same name is an error."""
        backend.register_task(_one, "contract_twice")
        with pytest.raises(TaskAlreadyRegistered, match="'contract_twice'"):
            backend.register_task(_two, "contract_twice")

    def test_the_same_function_twice_is_no_error(self, backend: TaskBackend) -> None:
        """A module that is imported twice registers once."""
        backend.register_task(_one, "contract_again")
        assert backend.register_task(_one, "contract_again") is _one

    def test_a_name_that_cannot_travel_is_refused(self, backend: TaskBackend) -> None:
        """Names are lower case letters, digits, `_` and `.`."""
        with pytest.raises(ConfigurationError, match="Contract-Bad"):
            backend.register_task(_one, "Contract-Bad")

    def test_an_unknown_option_is_refused(self, backend: TaskBackend) -> None:
        """A misspelt option fails at registration, not at submit."""
        with pytest.raises(TypeError):
            backend.register_task(_one, "contract_wrong", colour="red")  # type: ignore[call-overload]

    def test_a_declared_name_is_known(self, backend: TaskBackend) -> None:
        """`declare` is enough where the function is not importable."""
        backend.declare("contract_elsewhere", queue="contract")
        assert backend.is_known("contract_elsewhere")
        assert backend.queue_for("contract_elsewhere") == "contract"
