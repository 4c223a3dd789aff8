"""The contract on a Hatchet engine that the run was given, with one worker in a namespace of its own."""

import secrets

import pytest

from scripts import contract_columns
from task_abstraction.backends.hatchet.backend import HatchetBackend
from task_abstraction.config import BackendConfig, WorkerPlan
from task_abstraction.testing import contract
from tests.acceptance.hatchet_support import given
from tests.contract.library.suites import add_suites
from tests.support.hatchet_token import fake_token
from tests.support.servers import free_port
from tests.support.workers import worker

pytestmark = pytest.mark.server
MODULES = "task_abstraction.testing.contract.worker,task_abstraction.testing.contract.worker_limits"


HOLDS = "task_abstraction.testing.contract.worker_holds"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Connection parameters of the engine, in a namespace that a worker serves."""
    engine = given()
    namespace = f"contract{secrets.token_hex(4)}"
    settings = {
        **engine,
        "TASK_BACKEND_TYPE": "hatchet",
        "HATCHET_CLIENT_NAMESPACE": namespace,
        "TASK_MODULES": MODULES,
        "TASK_WORKER_CONCURRENCY": "2",
    }
    params = {
        "token": engine["HATCHET_CLIENT_TOKEN"],
        "server_url": engine["HATCHET_CLIENT_SERVER_URL"],
        "host_port": engine["HATCHET_CLIENT_HOST_PORT"],
        "tls_strategy": engine.get("HATCHET_CLIENT_TLS_STRATEGY", "tls"),
        "namespace": namespace,
    }
    with worker(settings, tmp_path_factory.mktemp("hatchet"), "--queues", "contract,contract_other") as running:
        assert running.pid
        yield params


@pytest.fixture(scope="module")
def registered(place, tmp_path_factory):
    """A worker that has been there once: the engine takes a name only after that, while tests submit before."""
    settings = {**environment_of(place), "TASK_MODULES": HOLDS}
    with worker(settings, tmp_path_factory.mktemp("registering"), "--queues", "default"):
        pass


def environment_of(params):
    """Variables of a worker with these connection parameters."""
    return {"TASK_BACKEND_TYPE": "hatchet", **{f"HATCHET_CLIENT_{name.upper()}": params[name] for name in params}}


class Hatchet(contract.Fixtures):
    """An engine that was given."""

    column = contract_columns.HATCHET
    wait_s = 60.0

    @pytest.fixture(autouse=True)
    def _served(self, place):
        self.params = place

    def make_backend(self):
        """A producer in the namespace of the module."""
        return HatchetBackend(BackendConfig("hatchet", self.params), plan=WorkerPlan())

    def make_unreachable(self, password):
        """A producer for an engine that is not there."""
        url, address = f"http://127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        token = fake_token(signature=password, server_url=url, grpc_broadcast_address=address)
        params = {"token": token, "tls_strategy": "none"}
        return HatchetBackend(BackendConfig("hatchet", params), plan=WorkerPlan())


add_suites(globals(), Hatchet)


@pytest.mark.usefixtures("registered")
class TestHatchetWorker(Hatchet, contract.WorkerContract):
    """Workers of Hatchet."""

    wait_s = 120.0  # the engine gives a lost task to another worker after up to 60 s

    def worker_environment(self, folder):
        """A worker of the test's own in the same namespace."""
        del folder  # it needs no settings beside the plan
        return environment_of(self.params)

    @pytest.mark.parametrize("shutdown", ["cut"])
    def test_a_cut_gives_its_task_back_once(self, stage, shutdown):
        """A thread cannot be cut: its result would be thrown away, and it would run twice: no start."""
        refused = stage.start()

        assert shutdown == "cut"
        assert refused.exit_code(self.wait_s) == 1
        assert "Hatchet cannot cut the synchronous task 'contract_hold'" in refused.text()
