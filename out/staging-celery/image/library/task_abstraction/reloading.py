"""`--reload`: for development, start the worker anew when a file of the application changes."""

import logging
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

POLL_S = 0.5
"""How often the files are looked at."""
log = logging.getLogger("task_abstraction.worker")


def application_files(modules: Sequence[str]) -> list[Path]:
    """Python files of the packages that the task modules belong to; a module without a package is its one file.

    Nothing is imported: a package with an error in it is watched like any other.
    """
    files: set[Path] = set()
    for name in {module.removesuffix(".*").partition(".")[0] for module in modules}:
        with suppress(ImportError, ValueError):
            spec = find_spec(name)
            if spec is None:
                continue
            for folder in spec.submodule_search_locations or ():
                files.update(Path(folder).rglob("*.py"))
            if spec.origin and not spec.submodule_search_locations:
                files.add(Path(spec.origin))
    return sorted(files)


def look(modules: Sequence[str]) -> Mapping[Path, int]:
    """Each file with its time of modification in ns; a file that vanishes meanwhile is left out."""
    seen: dict[Path, int] = {}
    for path in application_files(modules):
        with suppress(OSError):
            seen[path] = path.stat().st_mtime_ns
    return seen


class Reloader:
    """Keeps one child process that runs the worker, and replaces it after each change."""

    def __init__(self, command: Sequence[str], modules: Sequence[str]) -> None:
        self._command = list(command)
        self._modules = tuple(modules)
        self._stopped = threading.Event()

    def stop(self, *_: object) -> None:
        """End the child and then `run`: what SIGTERM and SIGINT do."""
        self._stopped.set()

    def run(self) -> int:
        """Run until told to stop; the exit code of the last child.

        A child that ends by itself, for example over an error in the module, is started again after the next change.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        while True:
            before = look(self._modules)
            log.info("reload: watching %d files", len(before))
            # Its own process group: Ctrl-C reaches the parent alone, which passes on one SIGTERM.
            child = subprocess.Popen(self._command, process_group=0)
            changed = self._wait_for_change(before, child)
            if child.poll() is None:
                child.terminate()  # the normal drain: running tasks end
            code = child.wait()
            if not changed:
                return code
            log.info("reload: %s", ", ".join(changed))

    def _wait_for_change(self, before: Mapping[Path, int], child: "subprocess.Popen[bytes]") -> list[str]:
        told = False
        while not self._stopped.wait(POLL_S):
            if child.poll() is not None and not told:
                log.error("reload: the worker ended with code %d; waiting for a change", child.returncode)
                told = True
            now = look(self._modules)
            if now != before:
                return sorted(str(path) for path in {*now, *before} if now.get(path) != before.get(path))
        return []
