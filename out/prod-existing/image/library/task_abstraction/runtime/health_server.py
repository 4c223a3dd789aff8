"""HTTP server of probes and metrics: standard library, own thread, no broker."""

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from task_abstraction.errors import ConfigurationError
from task_abstraction.runtime.health_state import HealthState
from task_abstraction.runtime.metrics import MetricsRegistry

Answer = tuple[int, str, str]
JSON = "application/json"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def json_answer(status: int, body: object) -> Answer:
    """An answer with a JSON body."""
    return status, JSON, json.dumps(body, sort_keys=True) + "\n"


class HttpService:
    """Serves GET of exact paths, and of one prefix for each entry that ends in `/`."""

    def __init__(self, routes: Mapping[str, Callable[[str], Answer]], *, port: int, host: str = "") -> None:
        handler = _handler_for(routes)
        try:
            self._server = ThreadingHTTPServer((host, port), handler)
        except OSError as error:
            raise ConfigurationError(
                f"port {port} cannot be opened: {error.strerror}. Set another one, or 0 for any free port",
                source="port",
            ) from error
        self._server.daemon_threads = True
        # The argument is how long a close may wait, in seconds.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="task-http", daemon=True)

    @property
    def port(self) -> int:
        """The port that is really open."""
        return int(self._server.server_address[1])

    def start(self) -> "HttpService":
        """Begin to answer."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop answering and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def _handler_for(routes: Mapping[str, Callable[[str], Answer]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # a client that sends nothing must not hold a thread for ever

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            prefix = next((r for r in routes if r.endswith("/") and path.startswith(r)), "")
            answer = routes.get(path) or routes.get(prefix)
            if answer is None:
                self._send(json_answer(404, {"error": "unknown path", "paths": sorted(routes)}))
            else:
                self._send(answer(path))

        def _send(self, answer: Answer) -> None:
            status, content_type, text = answer
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep probes out of the log."""

    return Handler


def health_routes(state: HealthState, metrics: MetricsRegistry) -> dict[str, Callable[[str], Answer]]:
    """The paths of a worker's server."""

    def answer(ok: bool) -> Answer:
        status = state.status()
        return json_answer(
            200 if ok else 503, {"live": status.live, "ready": status.ready, "checks": dict(status.checks)}
        )

    return {
        "/livez": lambda _: answer(state.status().live),
        "/readyz": lambda _: answer(state.status().ready),
        "/startupz": lambda _: answer(state.started),
        "/metrics": lambda _: (200, METRICS_TYPE, metrics.render()),
    }
