"""The contract on a Temporal development server, with one worker."""

import pytest

from task_abstraction.backends.temporal.backend import TemporalBackend
from task_abstraction.config import BackendConfig, WorkerPlan
from task_abstraction.testing import contract
from tests.acceptance.temporal_support import new_namespace
from tests.contract.library.suites import add_suites
from tests.support.workers import worker

pytestmark = pytest.mark.server
MODULES = "task_abstraction.testing.contract.worker,task_abstraction.testing.contract.worker_limits"


@pytest.fixture(scope="module")
def place(temporal, tmp_path_factory):
    """Address and namespace that a worker serves."""
    namespace = new_namespace(temporal.address)
    given = {"TASK_BACKEND_TYPE": "temporal", "TEMPORAL_ADDRESS": temporal.address, "TEMPORAL_NAMESPACE": namespace}
    settings = {**given, "TASK_MODULES": MODULES, "TASK_WORKER_CONCURRENCY": "2"}
    with worker(settings, tmp_path_factory.mktemp("temporal"), "--queues", "contract,contract_other") as running:
        assert running.pid
        yield temporal.address, namespace


class Temporal(contract.Fixtures):
    """A development server."""

    wait_s = 30.0

    @pytest.fixture(autouse=True)
    def _served(self, place):
        self.address, self.namespace = place

    def make_backend(self):
        """A producer in the namespace of the module."""
        host, _, port = self.address.partition(":")
        params = {"host": host, "port": int(port), "namespace": self.namespace, "task_queue": "default"}
        return TemporalBackend(BackendConfig("temporal", params), plan=WorkerPlan())


add_suites(globals(), Temporal)
