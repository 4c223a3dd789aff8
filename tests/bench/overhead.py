"""What the library costs beside the native client: `python -m tests.bench.overhead celery|temporal|hatchet`.

Both run in turn against the same server, each with a worker of its own that has the same settings, slots and bodies.
Not a test: nothing is asserted. docs/performance.md says what the figures mean.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.bench.bodies import DOCUMENT
from tests.bench.interleaving import Block, Pair, interleaved, p50, p95
from tests.bench.processes import cpu_s, import_times, memory_mib
from tests.bench.stages import STAGES, Stage

SUBMITS, TRIPS, BATCH = 50, 20, 200
"""Operations of one block: submits, round trips, and tasks that are queued before the workers may begin."""


class Client(Protocol):
    """A way to submit."""

    def submit(self, name: str, *args: object) -> Any:
        """Submit a task."""

    def value(self, handle: Any) -> object:
        """Wait for its value."""

    def close(self) -> None:
        """Free connections."""


class Ours:
    """What an application of the library writes."""

    def __init__(self) -> None:
        from tests.bench.tasks import TASKS

        self._tasks = TASKS

    def submit(self, name: str, *args: object) -> Any:
        """Submit a task."""
        return self._tasks[name].submit(*args)

    def value(self, handle: Any) -> object:
        """Wait for its value."""
        return handle.wait(timeout=60)

    def close(self) -> None:
        """Free connections."""
        from task_abstraction.factory import forget_backends

        forget_backends()


class Timer:
    """Collects wall time and CPU time of this process, call by call."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {"wall": [], "cpu": []}

    def __call__(self, call: Callable[[], Any]) -> Any:
        """Time one call."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = call()
        self.taken["cpu"].append(time.process_time() - cpu)
        self.taken["wall"].append(time.perf_counter() - wall)
        return result


@dataclass(frozen=True)
class Bench:
    """One client with its worker, and where its batches leave their marks."""

    client: Client
    worker: int
    folder: Path
    concurrency: int

    def submits(self) -> Block:
        """Each submit; the queue is empty again afterwards."""
        timer = Timer()
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            marks = Path(folder, "marks")

            def forget() -> None:
                # What a client does with a handle that nobody keeps is a part of the submit.
                self.client.submit("mark", str(marks))

            for _ in range(SUBMITS):
                timer(forget)
            _until(lambda: _size(marks) == SUBMITS)
        return timer.taken

    def trips(self) -> Block:
        """From each submit to its value."""
        timer = Timer()
        for _ in range(TRIPS):
            timer(lambda: self.client.value(self.client.submit("echo", DOCUMENT)))
        return timer.taken

    def batch(self) -> Block:
        """Each of many queued tasks, from the moment when the workers may begin to the last one's body."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            gate, marks = Path(folder, "gate"), Path(folder, "marks")
            for _ in range(self.concurrency):
                self.client.submit("hold", str(gate))
            _until(lambda: _size(gate.with_suffix(".begun")) == self.concurrency)
            for _ in range(BATCH):
                self.client.submit("mark", str(marks))
            began, cpu = time.time(), cpu_s(self.worker)
            gate.touch()
            _until(lambda: _size(marks) == BATCH)
            cpu = cpu_s(self.worker) - cpu
            taken = marks.stat().st_mtime - began
        return {"wall": [taken / BATCH], "worker": [cpu / BATCH]}


def _size(place: Path) -> int:
    return place.stat().st_size if place.exists() else 0


def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.005)


@contextlib.contextmanager
def benches(stage: Stage, folder: Path) -> Iterator[tuple[Bench, Bench]]:
    """Native and ours, with their clients open."""
    with contextlib.closing(stage.native()) as native, contextlib.closing(Ours()) as ours:
        yield (
            Bench(native, stage.workers["native"], folder, stage.concurrency),
            Bench(ours, stage.workers["ours"], folder, stage.concurrency),
        )


def say(line: str) -> None:
    """Print one line of the table."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def row(label: str, pair: Pair, what: str, statistic: Callable[[Sequence[float]], float] = p50) -> dict[str, Any]:
    """Print a row and return it; the ratio is of durations, so that more than 1 is always the library's cost."""
    native, ours = pair.values(what, statistic)
    ratio, low, high = pair.ratio(what, statistic)
    percents = [f"{100 * (value - 1):+.1f}" for value in (ratio, low, high)]
    shown = [f"{1000 * value:.2f} ms" for value in (native, ours)]
    say(f"{label:34} {shown[0]:>11} {shown[1]:>11}   {percents[0]:>6} %  [{percents[1]}, {percents[2]}]")
    return {"what": label, "native_s": native, "ours_s": ours, "ratio": ratio, "low": low, "high": high}


def measure(stage: Stage, folder: Path, rounds: int) -> list[dict[str, Any]]:
    """Print the figures of a stage and return them."""
    say(f"{stage.name:34} {'native':>11} {'ours':>11}   overhead  [95 %]")
    with benches(stage, folder) as (native, ours):
        submits = interleaved(native.submits, ours.submits, rounds=rounds)
        rows = [row("submit, p50", submits, "wall"), row("submit, p95", submits, "wall", p95)]
        rows.append(row("submit, CPU of the client", submits, "cpu"))
        trips = interleaved(native.trips, ours.trips, rounds=rounds)
        rows += [row("round trip, p50", trips, "wall"), row("round trip, p95", trips, "wall", p95)]
        rows.append(row("round trip, CPU of the client", trips, "cpu"))
        batches = interleaved(native.batch, ours.batch, rounds=max(3, rounds // 3))
        rows.append(row(f"each of {BATCH} queued, {stage.concurrency} slots", batches, "wall"))
        rows.append(row("CPU of the worker for a task", batches, "worker"))
    return rows


def main() -> None:
    """Print the table of one backend."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backend", choices=sorted(STAGES))
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name, STAGES[given.backend](Path(name)) as stage:
        os.environ.update(stage.environment)
        rows = measure(stage, Path(name), given.rounds)
        for label, pid in stage.workers.items():
            resident, own = memory_mib(pid)
            say(f"worker after the load, {label:12} RSS {resident:5.0f} MiB   PSS {own:5.0f} MiB")
            rows.append({"what": f"memory {label}", "rss_mib": resident, "pss_mib": own})
        for label, seconds in import_times(given.backend.partition("-")[0]).items():
            say(f"{label:46} {1000 * seconds:7.1f} ms")
            rows.append({"what": label, "seconds": seconds})
    if given.json is not None:
        given.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
