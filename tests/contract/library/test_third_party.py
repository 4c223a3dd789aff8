"""A backend from elsewhere joins the contract with about ten lines of tests."""

from task_abstraction.capabilities import Capability
from task_abstraction.models import Feature, Support
from task_abstraction.testing import ImmediateBackend, contract

GIVEN = {Feature.RESULTS, Feature.NOT_FOUND, Feature.ASYNC_TASKS, Feature.BATCH, Feature.RETRY, Feature.NON_RETRYABLE}


class AcmeBackend(ImmediateBackend):
    """A backend that has little, and says so: its own name, its own capability records."""

    backend_type = "acme"
    capabilities = tuple(
        Capability("acme", feature, Support.NATIVE, "acme does it")
        if feature in GIVEN
        else Capability("acme", feature, Support.REFUSED, "acme has no such thing", "Use another backend")
        for feature in Feature
    )


class AcmeFixtures(contract.Fixtures):
    """What the author of a backend writes."""

    keeps_delays = queues_tasks = False

    def make_backend(self):
        """Make the backend."""
        return AcmeBackend()


class TestAcmeRetries(AcmeFixtures, contract.RetryContract):
    """Acme keeps the retry contract."""


class TestAcmeOptions(AcmeFixtures, contract.OptionsContract):
    """Acme refuses options with its own words."""


class TestAcmeWorkflows(AcmeFixtures, contract.WorkflowContract):
    """Acme refuses workflows with its own words."""


class TestAcmeRefusals(AcmeFixtures, contract.RefusalContract):
    """Acme takes or refuses every feature."""
