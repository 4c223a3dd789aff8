"""What the probes of a worker answer: three facts, set by the backend, read by the server."""

import contextlib
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from task_abstraction.models import HealthStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class HealthState:
    """Live, ready and started, without network or broker.

    Args:
        limit_s: seconds without `beat` after which the worker counts as stuck.
        beat_file: touched at each beat, for exec probes of plain containers.
    """

    def __init__(self, *, limit_s: float, beat_file: Path | None = None) -> None:
        self.limit_s = limit_s
        self.on_beat: list[Callable[[float], None]] = []
        self._beat_file = beat_file
        self._lock = threading.RLock()  # a signal handler may interrupt its own thread in here
        self._last_beat = time.monotonic()
        self._started = False
        self._draining = False
        self._consuming = False
        self._blockers: dict[str, str] = {"consumer": "not registered yet"}

    def beat(self, *, lag_s: float = 0.0) -> None:
        """Say that the consumer loop moved; to be called from that loop, never from a free thread."""
        self._last_beat = time.monotonic()
        for listen in self.on_beat:
            listen(lag_s)
        if self._beat_file is not None:
            with contextlib.suppress(OSError):  # a full or read-only disk must not end the worker
                self._beat_file.touch()

    def set_check(self, name: str, reason: str | None) -> None:
        """Set one readiness check: None is ok, else the reason why the worker is not ready."""
        with self._lock:
            if reason is None:
                self._blockers.pop(name, None)
            else:
                self._blockers[name] = reason

    def consumer_ready(self) -> None:
        """Say that the consumer is registered: tasks are imported and the backend was reached once."""
        self._last_beat = time.monotonic()
        self._started = self._consuming = True
        self.set_check("consumer", None)

    def consumer_lost(self, reason: str) -> None:
        """Say that the consumer is not registered now."""
        self._consuming = False
        self.set_check("consumer", reason)

    def consumer_stuck(self, reason: str) -> None:
        """Say that the consumer does not move and nothing excuses it: not ready, and not live once that lasts."""
        self._consuming = True
        self.set_check("consumer", reason)

    def drain(self) -> None:
        """Say that the worker shuts down: not ready, still live."""
        self._draining = True
        self.set_check("shutdown", "draining")

    @property
    def started(self) -> bool:
        """Whether the worker was ready once."""
        return self._started

    @property
    def draining(self) -> bool:
        """Whether the worker shuts down."""
        return self._draining

    @property
    def beat_age_s(self) -> float:
        """Seconds since the consumer loop moved."""
        return time.monotonic() - self._last_beat

    def status(self) -> HealthStatus:
        """The present answer, with the reason of each check."""
        age = self.beat_age_s
        # No outage of the broker and no long drain may restart a worker: both stop the loop on purpose.
        excused = self._draining or not self._consuming
        live = excused or age < self.limit_s
        loop = "ok" if live else f"consumer loop has not moved for {age:.0f} s, limit {self.limit_s:.0f} s"
        with self._lock:
            blockers: Mapping[str, str] = dict(self._blockers)
        checks = {"loop": loop, "consumer": "ok", **blockers}
        return HealthStatus(live=live, ready=live and not blockers, checks=checks)
