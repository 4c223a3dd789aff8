"""A cut by SIGTERM at a moment when the worker's loop is between two callbacks."""

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from celery import bootsteps

LOOK_INTERVAL_S = 0.5


class CutStep(bootsteps.StartStopStep):
    """A consumer step that takes SIGTERM for workers that cut.

    celery 5.7 does the whole cold shutdown inside its signal handler (measured): where the signal interrupts the main
    process as it counts a result, its children wait for a lock that the process holds, it waits for them, and it stays
    until it is killed. So the handler only notes the signal, and the consumer's loop does the rest.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)
    tell: Callable[[], None]
    """Called at once: readiness must not wait for the end of the soft shutdown."""

    def __init__(self, _: Any, **__: Any) -> None:  # noqa: ANN401 - untyped SDK
        self._plain: Any = None
        self._timer: Any = None
        self._asked = False

    def start(self, consumer: Any) -> None:  # noqa: ANN401
        """Take the signal, once, and look for it while the loop runs."""
        if self._plain is None:
            self._plain = signal.signal(signal.SIGTERM, self._on_signal)
        self._timer = consumer.timer.call_repeatedly(LOOK_INTERVAL_S, self._look)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._asked or self._timer is None:  # the second time, or no loop that could look
            self._plain(number, frame)
            return
        self._asked = True
        self.tell()

    def _look(self) -> None:
        if self._asked and self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._plain(signal.SIGTERM, None)

    def stop(self, _: Any) -> None:  # noqa: ANN401
        """Look one more time, where the loop ends before its next look."""
        self._look()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def terminate(self, parent: Any) -> None:  # noqa: ANN401
        """End like `stop`."""
        self.stop(parent)

    def shutdown(self, parent: Any) -> None:  # noqa: ANN401
        """End like `stop`."""
        self.stop(parent)


def cut_step(tell: Callable[[], None]) -> type[CutStep]:
    """The step of one worker."""
    return type("Cut", (CutStep,), {"tell": staticmethod(tell)})
