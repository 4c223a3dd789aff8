"""Figures of Hatchet on the engine that HATCHET_CLIENT_* name: `python tests/bench/hatchet_figures.py`.

Starts, refusals, ends and recovery; tests.bench.overhead compares with the SDK's own client. Not a test.
"""

import os
import signal
import statistics
import sys
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "generator"), str(ROOT / "library")]
warnings.simplefilter("ignore")

from task_abstraction import Call, TaskNotFound, TaskNotRegistered  # noqa: E402
from tests.acceptance.hatchet_support import Fleet, producing  # noqa: E402
from tests.acceptance.test_hatchet_faults import listener_of, runs_in  # noqa: E402
from tests.support.servers import wait_until  # noqa: E402

BATCH = 200


def say(what: str, value: str) -> None:
    """Print one line of the table."""
    print(f"{what:58} {value}", flush=True)  # noqa: T201 - the output of the program


def milliseconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - began)


def spread(values: list[float]) -> str:
    """Median and 95th percentile."""
    return f"p50 {statistics.median(values):.0f} ms, p95 {statistics.quantiles(values, n=20)[-1]:.0f} ms"


def expect(kind: type[Exception], call: Callable[[], object]) -> Callable[[], None]:
    """A call that must fail with this error."""

    def run() -> None:
        try:
            call()
        except kind:
            return
        raise AssertionError(f"{kind.__name__} was expected")

    return run


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def refusals(fleet: Fleet) -> None:
    """How long the answers take that the engine itself does not give."""
    name = fleet.name("who")
    with producing(fleet) as backend:
        backend.get_result(backend.submit(name), timeout=30)
        unknown = [milliseconds(expect(TaskNotFound, lambda: backend.get_result(str(uuid.uuid4())))) for _ in range(20)]
        say("unknown id -> TaskNotFound", spread(unknown))
        backend.declare("nobody_has_this")
        nobody = [milliseconds(expect(TaskNotRegistered, lambda: backend.submit("nobody_has_this"))) for _ in range(20)]
        say("unknown name -> TaskNotRegistered", spread(nobody))


def main() -> None:
    """Print the table."""
    fleet = Fleet(Path(tempfile.mkdtemp()))
    began = time.monotonic()
    with fleet.worker("file") as file_worker, producing(fleet) as backend:
        say("worker: start to /readyz 200", f"{time.monotonic() - began:.1f} s")
        say("worker, idle: main process", f"{resident_mib(file_worker.pid):.0f} MiB")
        say("worker, idle: listener process", f"{resident_mib(listener_of(file_worker)):.0f} MiB")
        refusals(fleet)
        calls = [Call(({"x": n},)) for n in range(BATCH)]
        began = time.monotonic()
        ids = backend.submit_many(fleet.name("add"), calls)
        say(f"submit_many of {BATCH}", f"{time.monotonic() - began:.2f} s")
        last = backend.get_result(ids[-1], timeout=300)
        assert last.is_completed
        say(f"{BATCH} synchronous tasks, one worker of 4 slots", f"{BATCH / (time.monotonic() - began):.0f}/s")
    journal = fleet.folder / "journal"
    with fleet.worker("low") as first, producing(fleet) as backend:
        backend.submit(fleet.name("work"), 5.0, journal=str(journal))
        wait_until(lambda: runs_in(journal), what="begun")
        began = time.monotonic()
        first.signal(signal.SIGTERM)
        first.wait()
        say("SIGTERM while a task of 5 s runs: exit after", f"{time.monotonic() - began:.1f} s")
    with fleet.worker("low") as one, fleet.worker("low") as two, producing(fleet) as backend:
        journal.unlink()
        backend.submit(fleet.name("work"), 5.0, journal=str(journal))
        wait_until(lambda: runs_in(journal), what="begun")
        victim = one if runs_in(journal)[0] == one.pid else two
        listener = listener_of(victim)
        os.kill(victim.pid, signal.SIGKILL)
        os.kill(listener, signal.SIGKILL)
        began = time.monotonic()
        wait_until(lambda: len(runs_in(journal)) == 2, timeout_s=120, what="begun again")
        say("kill -9 of worker and listener: runs again after", f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
