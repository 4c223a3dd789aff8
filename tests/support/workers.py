"""The commands of the library as processes of their own: worker, exporter, beat."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.servers import free_port, wait_until

ROOT = Path(__file__).parents[2]
DOCFLOW = ROOT / "examples" / "docflow"
READY_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 60.0


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process without settings of a task backend, with the library and the application."""
    foreign = ("TASK_", "CELERY_", "TEMPORAL_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    path = os.pathsep.join([str(ROOT / "library"), str(DOCFLOW)])
    return {**kept, "PYTHONPATH": path, "PYTHONWARNINGS": "default", "ENVIRONMENT": "dev", **extra}


def http_get(port: int, path: str) -> tuple[int, str]:
    """Status and body of a GET; status 0 when nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def samples(text: str) -> dict[str, float]:
    """Samples of an exposition, by series."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {series: float(value) for series, _, value in (line.rpartition(" ") for line in lines)}


def families(text: str) -> set[str]:
    """Names that have a TYPE line."""
    return set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))


@dataclass
class Running:
    """A command that runs, with its HTTP port and its log."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    def get(self, path: str) -> tuple[int, str]:
        """GET from its server."""
        return http_get(self.port, path)

    def json(self, path: str) -> dict[str, object]:
        """Body of a GET that answers JSON."""
        return json.loads(self.get(path)[1])

    def metrics(self) -> dict[str, float]:
        """Samples of `/metrics`."""
        return samples(self.get("/metrics")[1])

    def sum_of(self, metric: str, **labels: str) -> float:
        """Sum of a metric over all series with these labels."""
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        found = {series: v for series, v in self.metrics().items() if series.partition("{")[0] == metric}
        assert found, f"{metric} is not served"
        return sum(value for series, value in found.items() if all(label in series for label in wanted))

    def wait_ready(self) -> "Running":
        """Wait until `/readyz` says 200."""
        wait_until(self._ready, timeout_s=READY_TIMEOUT_S, what="ready")
        return self

    def wait_started(self) -> "Running":
        """Wait until `/startupz` says 200."""
        wait_until(lambda: self._answers("/startupz"), timeout_s=READY_TIMEOUT_S, what="started")
        return self

    def _ready(self) -> bool:
        return self._answers("/readyz")

    def _answers(self, path: str) -> bool:
        assert self.process.poll() is None, f"ended with code {self.process.returncode}:\n{self.text()[-3000:]}"
        return self.get(path)[0] == 200

    def text(self) -> str:
        """What it has logged so far."""
        return self.log.read_text(errors="replace")

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to the process itself, as a container's runtime does."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it and its children as the loss of a container does: SIGKILL, nobody says goodbye."""
        self._signal_all(signal.SIGKILL)
        self.process.wait(STOP_TIMEOUT_S)

    def freeze(self) -> None:
        """Stop it and its children as the loss of a node does: silence, and connections that nobody closes."""
        self._signal_all(signal.SIGSTOP)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop it and its children for a while."""
        self._signal_all(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: int) -> None:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for process in (self.pid, *map(int, children)):
            os.kill(process, number)

    def wait(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Wait for the end and return the exit code."""
        return self.process.wait(timeout_s)


@contextlib.contextmanager
def running(arguments: Sequence[str], environment: Mapping[str, str], folder: Path, *, port: int) -> Iterator[Running]:
    """Run a module of the library until the block ends."""
    log = folder / f"{arguments[0].rpartition('.')[2]}-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=folder,
            env=clean_environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    command = Running(process, port, log)
    try:
        yield command
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def worker(environment: Mapping[str, str], folder: Path, *flags: str) -> Iterator[Running]:
    """Run `task-backend-worker` for docflow and wait until it is ready."""
    port = free_port()
    settings = {"TASK_MODULES": "docflow.tasks", "TASK_HEALTH_PORT": str(port), **environment}
    with running(["task_abstraction.worker", *flags], settings, folder, port=port) as command:
        yield command.wait_ready()


@contextlib.contextmanager
def exporter(environment: Mapping[str, str], folder: Path, *flags: str) -> Iterator[Running]:
    """Run `task-backend-exporter`, polling twice a second, and wait until its first good poll."""
    port = free_port()
    arguments = ["task_abstraction.exporter", "--port", str(port), "--interval", "0.5", *flags]
    with running(arguments, environment, folder, port=port) as command:
        yield command.wait_ready()
