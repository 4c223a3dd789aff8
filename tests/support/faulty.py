"""An application whose tasks go wrong on purpose; a worker loads it with TASK_MODULES=tests.support.faulty."""

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

from task_abstraction import RetryPolicy, task
from tests.support.names import OUTLIVE_S

SLICE_S = 0.05


def _begin(place: str, name: str) -> None:
    """Note an execution, as `tests.support.journal` reads it."""
    with Path(place).open("a", encoding="utf-8") as file:
        file.write(f"start {name} {time.time()}\n")


@task(queue="failing", retry=RetryPolicy(max_attempts=2, initial_delay=timedelta(seconds=0.1)))
def fail(text: str, password: str = "") -> None:
    """Fail for good after two attempts."""
    del password
    raise ValueError(text)


@task(queue="mending")
def fail_until(place: str) -> str:
    """Fail until a file is there."""
    return Path(place).read_text(encoding="utf-8")


@task(queue="poison", retry=RetryPolicy(max_attempts=3, initial_delay=timedelta(seconds=0.1)))
def poison(place: str) -> None:
    """Kill the process that runs it, each time."""
    _begin(place, "poison")
    os.kill(os.getpid(), signal.SIGKILL)


@task(queue="steps")
def step(place: str, name: str, seconds: float = 0.0) -> str:
    """Leave a line at the start; take so many seconds, and let a cut interrupt them."""
    _begin(place, name)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(SLICE_S)  # an exception that is set from outside is raised between two of them
    return name


@task(queue="limited", timeout=timedelta(seconds=OUTLIVE_S))
def outlive(place: str) -> None:
    """Run longer than its hard limit."""
    _begin(place, "outlive")
    time.sleep(30)
