"""An application whose tasks go wrong on purpose; a worker loads it with TASK_MODULES=tests.support.faulty."""

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

from task_abstraction import RetryPolicy, task


def _note(place: str, line: str) -> None:
    with Path(place).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


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
    _note(place, "start")
    os.kill(os.getpid(), signal.SIGKILL)


@task(queue="steps")
def step(place: str, name: str, seconds: float = 0.0) -> str:
    """Leave a line at the start and one at the end."""
    _note(place, f"start {name} {time.time()}")
    time.sleep(seconds)
    _note(place, f"end {name} {time.time()}")
    return name


@task(queue="limited", timeout=timedelta(seconds=1))
def outlive() -> None:
    """Run longer than its hard limit."""
    time.sleep(30)
