"""What a process costs before it does anything: memory of a worker and its children, time of an import."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

STARTS = 9
NATIVE_IMPORT = {
    "celery": "from celery import Celery",
    "temporal": "from temporalio.client import Client",
    "hatchet": "from hatchet_sdk import Hatchet",
}


def family(pid: int) -> list[int]:
    """A process and all that came from it."""
    found = [pid]
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            found += family(int(child))
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds of a process with its children, to the tick of the kernel (10 ms)."""
    ticks = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> tuple[float, float]:
    """Resident and proportional memory of a process with its children; the second counts shared pages once."""
    totals = {"Rss:": 0, "Pss:": 0}
    for one in family(pid):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            name, *words = line.split()
            if name in totals:
                totals[name] += int(words[0])
    return totals["Rss:"] / 1024, totals["Pss:"] / 1024


def start_s(code: str) -> float:
    """Median time of a Python process that runs this code."""
    taken = []
    for _ in range(STARTS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env=os.environ, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def import_times(backend: str) -> dict[str, float]:
    """Time of imports, above an interpreter that does nothing."""
    empty = start_s("pass")
    connected = "from task_abstraction import get_backend; get_backend()"
    return {
        "import task_abstraction": start_s("import task_abstraction") - empty,
        "from task_abstraction import task": start_s("from task_abstraction import task") - empty,
        f"get_backend() for {backend}": start_s(connected) - empty,
        f"native: {NATIVE_IMPORT[backend]}": start_s(NATIVE_IMPORT[backend]) - empty,
    }
