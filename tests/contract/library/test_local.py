"""The contract on the backends that need no server."""

from scripts import contract_columns
from scripts.contract_columns import ACCEPTANCE, ELSEWHERE
from task_abstraction.models import Feature
from task_abstraction.testing import ImmediateBackend, MemoryBackend, contract
from tests.contract.library.suites import add_suites
from tests.support.workers import ROOT


class Memory(contract.Fixtures):
    """Two workers, and a clock that a wait moves."""

    column = contract_columns.MEMORY

    def make_backend(self):
        """Make the backend."""
        return MemoryBackend(workers=self.slots)

    def pass_time(self, backend, seconds):
        """Skip time."""
        backend.clock.advance(seconds)

    def seconds(self, backend):
        """Read the virtual clock."""
        return backend.clock.monotonic()


class Immediate(contract.Fixtures):
    """Everything inside submit."""

    column = contract_columns.IMMEDIATE

    slots = 1
    keeps_delays = queues_tasks = False

    def make_backend(self):
        """Make the backend."""
        return ImmediateBackend()


add_suites(globals(), Memory, Immediate)


def test_every_feature_has_its_place():
    """A feature of the capability table is asked for by a call, needs none, or belongs to engine and profile."""
    assert set(Feature) == set(contract.fixtures.ASKS) | contract.fixtures.ALWAYS | contract.fixtures.CANCELS | (
        contract.fixtures.REPORTS | contract.fixtures.NO_CALL
    )


def test_what_is_tested_elsewhere_is_there():
    """The table names no test file that does not exist."""
    assert [name for name in ELSEWHERE.values() if not (ROOT / ACCEPTANCE / name).is_file()] == []
