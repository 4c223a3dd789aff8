"""The task of the worker contract: it holds its slot until a file appears, and writes down its begin and its end."""

import time
from pathlib import Path

from task_abstraction.context import current_task

LONGEST_S = 120.0
PAUSE_S = 0.05
RELEASE, TRACE = "release", "trace"


def note(folder: Path, word: str) -> None:
    """Add a line to the trace; short appends of several processes do not mix."""
    with (folder / TRACE).open("a", encoding="utf-8") as trace:
        trace.write(f"{word} {current_task().attempt}\n")


def contract_hold(folder: str) -> int:
    """Hold the slot until the file `release` appears in the folder; returns the number of the attempt."""
    place, end = Path(folder), time.monotonic() + LONGEST_S
    note(place, "begin")
    while not (place / RELEASE).exists():
        if time.monotonic() > end:
            raise TimeoutError(f"nobody released the task within {LONGEST_S:g} s")
        time.sleep(PAUSE_S)
    note(place, "end")
    return current_task().attempt
