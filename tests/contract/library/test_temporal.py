"""The contract on a Temporal development server, in both submit modes, with one worker.

The mode is the producer's: what no task is submitted for is the same in both, and runs once.
"""

import json

import pytest

from scripts import contract_columns
from task_abstraction.backends.temporal.backend import TemporalBackend
from task_abstraction.config import BackendConfig, parse_plan
from task_abstraction.testing import contract
from tests.acceptance.temporal_support import new_namespace
from tests.contract.library.suites import add_suites
from tests.support.workers import worker

pytestmark = pytest.mark.server
MODULES = "task_abstraction.testing.contract.worker,task_abstraction.testing.contract.worker_limits"
PLAN = {"tasks": [["contract_patient", {"heartbeat_s": 3}], ["contract_long", {"heartbeat_s": 1.5}]]}
"""A task hears at a beat that it was cancelled, which comes every 10 s by itself, or that its limit has passed: until
then it holds a slot."""


@pytest.fixture(scope="module")
def place(temporal, tmp_path_factory):
    """Address and namespace that a worker serves."""
    namespace = new_namespace(temporal.address)
    given = {"TASK_BACKEND_TYPE": "temporal", "TEMPORAL_ADDRESS": temporal.address, "TEMPORAL_NAMESPACE": namespace}
    folder = tmp_path_factory.mktemp("temporal")
    (folder / "plan.json").write_text(json.dumps(PLAN))
    given |= {"TASK_MODULES": MODULES, "TASK_WORKER_CONCURRENCY": "2", "TASK_SETTINGS_DIR": str(folder)}
    with worker(given, folder, "--queues", "contract,contract_other") as running:
        assert running.pid
        yield temporal.address, namespace


class TemporalActivity(contract.Fixtures):
    """Tasks as standalone activities."""

    column = contract_columns.TEMPORAL
    wait_s = 60.0
    mode = "activity"

    @pytest.fixture(autouse=True)
    def _served(self, place):
        self.address, self.namespace = place

    def worker_environment(self, folder):
        """A worker of the test's own in the same namespace."""
        del folder  # it needs no settings beside the plan
        given = {"TASK_BACKEND_TYPE": "temporal", "TEMPORAL_ADDRESS": self.address}
        return {**given, "TEMPORAL_NAMESPACE": self.namespace}

    def make_backend(self):
        """A producer in the namespace of the module."""
        host, _, port = self.address.partition(":")
        params = {"host": host, "port": int(port), "namespace": self.namespace, "task_queue": "default"}
        return TemporalBackend(BackendConfig("temporal", {**params, "mode": self.mode}), plan=parse_plan(PLAN))


class TemporalWorkflow(TemporalActivity):
    """Tasks inside the generic workflow."""

    mode = "workflow"


SUBMITTING = (contract.SubmitContract, contract.ResultContract, contract.RetryContract, contract.OptionsContract)
add_suites(globals(), TemporalActivity)
add_suites(globals(), TemporalWorkflow, suites=SUBMITTING)


class TestTemporalWorker(TemporalActivity, contract.WorkerContract):
    """Workers of Temporal."""
