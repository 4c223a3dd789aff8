"""The REST part of the double of a Hatchet engine: look-up of names, states of runs, the pause of a worker."""

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from hatchet_sdk.contracts.v1.workflows_pb2 import CreateWorkflowVersionRequest

    from tests.support.hatchet_double import HatchetDouble, Run, Worker

POLL_S = 0.05
MOMENT = "2026-01-01T00:00:00Z"


def answer(double: "HatchetDouble", method: str, path: str, query: Mapping[str, str], body: Mapping) -> object | None:
    """Answer of the API; None for what is not there."""
    last = path.rpartition("/")[2]
    with double.lock:
        if method == "GET" and path == f"/api/v1/tenants/{double.tenant}/workflows":
            names = [name for name in double.workflows if query.get("name", "") in name]
            return {"rows": [_workflow(double, name) for name in names]}
        if method == "GET" and path.startswith("/api/v1/stable/tasks/") and last in double.runs:
            return _run(double, double.runs[last])
        if method == "PATCH" and path.startswith("/api/v1/workers/") and last in double.workers:
            double.workers[last].paused = bool(body["isPaused"])
            return _worker(double.workers[last])
        if method == "GET" and path.endswith("/versions"):
            found = [one for one in double.workflows.values() if double.workflow_id(one.name) == path.split("/")[-2]]
            return _version(found[0]) if found else None
    return None


def _version(registered: "CreateWorkflowVersionRequest") -> Mapping[str, object]:
    step = registered.tasks[0]
    task = {
        "ReadableId": step.readable_id,
        "Action": step.action,
        "Timeout": step.timeout,
        "ScheduleTimeout": step.schedule_timeout,
        "Retries": step.retries,
    }
    return {"workflowConfig": {"DefaultPriority": registered.default_priority, "Tasks": [task]}}


def _workflow(double: "HatchetDouble", name: str) -> Mapping[str, object]:
    registered = double.workflows[name]
    return {"name": name, "description": registered.description, "metadata": {"id": double.workflow_id(name)}}


def _run(double: "HatchetDouble", run: "Run") -> Mapping[str, object]:
    step = double.step(run)
    if not double.files:
        return {"taskExternalId": run.id, "actionId": step.action, "status": "QUEUED"}
    return {
        "taskExternalId": run.id,
        "actionId": step.action,
        "status": run.status,
        "errorMessage": run.error,
        "output": json.loads(run.output) if run.output else {},
        "retryCount": run.repetitions,
        "startedAt": run.started_at,
        "finishedAt": run.finished_at,
        "workflowConfig": {"Tasks": [{"Retries": step.retries}]},
    }


def _worker(worker: "Worker") -> Mapping[str, object]:
    return {
        "metadata": {"id": worker.id, "createdAt": MOMENT, "updatedAt": MOMENT},
        "name": worker.request.worker_name,
        "type": "SELFHOSTED",
        "status": "PAUSED" if worker.paused else "ACTIVE",
    }


def _handler(double: "HatchetDouble") -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            given = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            found = answer(double, self.command, parts.path, query, json.loads(given) if given else {})
            data = json.dumps({"message": "not found"} if found is None else found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PATCH = _answer  # noqa: N815 - names of the base class

        def log_message(self, *_: object) -> None:
            """Keep the output of the tests clean."""

    return Handler


@contextlib.contextmanager
def serving_rest(double: "HatchetDouble") -> Iterator[int]:
    """Serve the API on a free port of 127.0.0.1, which is returned, until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(double))
    threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
