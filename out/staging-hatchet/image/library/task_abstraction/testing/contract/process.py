"""A worker process under test: `task-backend-worker`, its health server and its log."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

FOREIGN = ("TASK_", "CELERY_", "TEMPORAL_")
"""Prefixes of settings that must not come from the shell of whoever runs the tests."""
PAUSE_S = 0.05


def wait_for(condition: Callable[[], object], what: str, within_s: float) -> None:
    """Wait until a condition is true.

    Raises:
        AssertionError: it did not become true within this time, in seconds.
    """
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within_s:g} s")
        time.sleep(PAUSE_S)


class WorkerProcess:
    """`task-backend-worker` in a process group of its own, so that a kill takes its children along."""

    def __init__(self, environment: Mapping[str, str], folder: Path, flags: Sequence[str]) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        own = {"ENVIRONMENT": "dev", "TASK_HEALTH_PORT": "0", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._log = folder / f"worker-{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "task_abstraction.worker", "--log-format", "structured", *flags],
                cwd=folder,
                env={**kept, **own, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._port = 0

    def text(self) -> str:
        """What it has logged so far."""
        return self._log.read_text(errors="replace")

    @property
    def port(self) -> int:
        """Port of its health server, as its log tells it; 0 until it is open."""
        if not self._port:
            _, found, rest = self.text().partition("health port ")
            digits = rest.partition('"')[0]
            self._port = int(digits) if found and digits.isdigit() else 0
        return self._port

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a GET from its health server; status 0 when nobody answers."""
        if not self.port:
            return 0, ""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def metric(self, name: str) -> float:
        """Sum of a metric over its series; 0 while it has none."""
        lines = [line.rpartition(" ") for line in self.get("/metrics")[1].splitlines()]
        return sum(float(value) for series, _, value in lines if series.partition("{")[0] == name)

    def is_ready(self) -> bool:
        """Whether it consumes.

        Raises:
            AssertionError: it has ended.
        """
        code = self._process.poll()
        if code is not None:
            raise AssertionError(f"the worker ended with code {code}:\n{self.text()[-3000:]}")
        return self.get("/readyz")[0] == 200  # noqa: PLR2004 - OK

    def stop(self) -> None:
        """Tell it to stop, as the runtime of a container does."""
        self._process.terminate()

    def kill(self) -> None:
        """Take it and its children away, as the loss of a machine does."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def exit_code(self, within_s: float) -> int:
        """Wait for its end.

        Raises:
            AssertionError: it did not end within this time, in seconds.
        """
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the worker did not end within {within_s:g} s:\n{self.text()[-3000:]}") from None

    def end(self) -> None:
        """Leave nothing behind."""
        if self._process.poll() is None:
            self.kill()
