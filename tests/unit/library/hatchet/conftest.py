"""What the Hatchet tests share without an engine: a token that is none, and an HTTP server that stands for its API."""

import contextlib
import json
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from task_abstraction.backends.hatchet.backend import HatchetBackend
from task_abstraction.config import BackendConfig, WorkerPlan
from tests.support.hatchet_token import fake_token

with warnings.catch_warnings():
    # hatchet-sdk 1.43.1 calls tenacity 9 in a way that it warns of.
    warnings.simplefilter("ignore", DeprecationWarning)
    with contextlib.suppress(ImportError):
        import hatchet_sdk  # noqa: F401


@dataclass
class Api:
    """The REST API of an engine: what it answers by path, and what it was asked."""

    answers: dict[str, tuple[int, object]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def api() -> Iterator[Api]:
    """An HTTP server that answers from a table; 404 for anything else."""
    state = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            status, body = state.answers.get(self.path.partition("?")[0], (404, {"message": "not found"}))
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Keep the output of the tests clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture
def make_backend() -> Iterator[Callable[..., HatchetBackend]]:
    """Make backends that connect to nothing, or to a given API."""
    made: list[HatchetBackend] = []

    def make(server_url: str = "http://127.0.0.1:1", plan: WorkerPlan | None = None) -> HatchetBackend:
        params = {"token": fake_token(), "server_url": server_url, "tls_strategy": "none"}
        made.append(HatchetBackend(BackendConfig("hatchet", params), plan=plan or WorkerPlan()))
        return made[-1]

    yield make
    for backend in made:
        backend.close()
