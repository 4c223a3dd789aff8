"""A write that is killed at a chosen instant, in a process of its own."""

import ctypes
import json
import os
import platform
import signal
import struct
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from taskgen.output.errors import OutputError
from taskgen.output.write import write
from tests.support.trees import ORIGIN, artifact

ROOT = Path(__file__).parents[2]
BEFORE = [artifact("compose/compose.yaml", "a: 1\n"), artifact("image/run.sh", "1", 0o755), artifact("same/file")]
AFTER = [artifact("compose/compose.yaml", "a: 2\n"), artifact("same/file"), artifact("kubernetes/eu/one.yaml", "x")]

DISK_EVENTS = {
    "open",
    "os.mkdir",
    "os.link",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.chmod",
    "os.chown",
    "os.utime",
    "shutil.copyfile",
    "ctypes.dlsym",  # stands right before the exchange of the two trees
}
"""Audit events (PEP 578) that the interpreter raises right before it touches the disk."""

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2  # linux/prctl.h, linux/seccomp.h
_RENAMEAT2 = {"x86_64": 316, "aarch64": 276}


def forbid_exchange() -> None:
    """Have the kernel answer "not implemented" to an exchange of two names, as a file system without it would."""

    def step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
        return struct.pack("HBBI", code, if_true, if_false, value)

    load, equal, answer = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    program = b"".join([
        step(load, 0),  # number of the system call
        step(equal, _RENAMEAT2[platform.machine()], 0, 3),
        step(load, 16 + 4 * 8),  # fifth argument: the flags
        step(equal, 2, 0, 1),  # RENAME_EXCHANGE
        step(answer, 0x00050000 | 38),  # SECCOMP_RET_ERRNO, ENOSYS
        step(answer, 0x7FFF0000),  # SECCOMP_RET_ALLOW
    ])  # fmt: skip
    buffer = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One process that writes, and when it dies.

    Args:
        folder: the tree to write.
        instant: the disk is touched for the n-th time: die right before that; None to finish.
        delay_s: write one tree and the other in turn until this time has passed.
        exchange: whether the kernel may exchange two folders in one step.
    """

    folder: str
    exchange: bool
    instant: int | None = None
    delay_s: float | None = None


class Writers:
    """Starts processes that write, in milliseconds each: one parent has imported everything and forks."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.crashing"]
        self._parent = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, run: Run) -> int:
        """Do one run; returns its exit code, negative for a signal."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps(asdict(run)) + "\n")
        self._parent.stdin.flush()
        return int(self._parent.stdout.readline())

    def close(self) -> None:
        """End the parent; its children have all ended."""
        self._parent.communicate()


def serve() -> None:
    """Fork one process for each line of input and answer with its exit code."""
    for line in sys.stdin:
        run = Run(**json.loads(line))
        child = os.fork()
        if child == 0:
            os._exit(_write(run))
        if run.delay_s is not None:
            time.sleep(run.delay_s)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _write(run: Run) -> int:
    if not run.exchange:
        forbid_exchange()
    if run.instant is not None:
        _die_at(run.instant, Path(run.folder).parent)
    try:
        write(run.folder, AFTER, origin=ORIGIN)
        while run.delay_s is not None:
            write(run.folder, BEFORE, origin=ORIGIN)
            write(run.folder, AFTER, origin=ORIGIN)
    except OutputError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _die_at(instant: int, place: Path) -> None:
    passed = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal passed
        if event not in DISK_EVENTS or (event == "open" and not str(arguments[0]).startswith(str(place))):
            return
        passed += 1
        if passed == instant:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if __name__ == "__main__":
    serve()
