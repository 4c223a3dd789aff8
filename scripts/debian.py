"""Installs packages on Debian and Ubuntu without starting the services that they bring."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

# invoke-rc.d asks this program before it starts a service; exit 101 means "forbidden by policy".
_POLICY = Path("/usr/sbin/policy-rc.d")
_KEPT = Path("/usr/sbin/policy-rc.d.kept-by-taskgen")
_MARK = "# taskgen: no service starts while packages for the tests are installed"
_LOCK = Path("/run/taskgen-packages.lock")
_LOCK_TIMEOUT_S = 600  # another apt may be at work: a first boot's unattended upgrade takes minutes
_OPTIONS = (
    "-y",
    "-q",
    "--no-install-recommends",
    "--no-remove",  # never trade a package of the user (docker-ce) for one of ours
    "-o",
    f"DPkg::Lock::Timeout={_LOCK_TIMEOUT_S}",
    "-o",
    "Dpkg::Options::=--force-confold",
)


class PackageError(Exception):
    """apt-get refused; the message holds its last lines."""


def can_install() -> bool:
    """Whether this is root on a system with apt-get."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: Sequence[str], *, services: Sequence[str] = ()) -> None:
    """Install packages; no service starts now, and those named do not start at the next boot either.

    Raises:
        PackageError: a package cannot be installed.
    """
    print(f"installing with apt-get: {' '.join(packages)}", flush=True)
    with _alone(), _no_service_starts():
        _apt_get("update", "-q")
        _apt_get("install", *_OPTIONS, *packages)
    for service in services:
        disable = (
            ["systemctl", "disable", service] if shutil.which("systemctl") else ["update-rc.d", service, "disable"]
        )
        subprocess.run(disable, check=False, capture_output=True)  # a service without a unit or script is no error


def tidy() -> None:
    """Put back the policy of service starts that a killed run left replaced."""
    if can_install() and _is_replaced():
        with _alone():
            _restore()


def _apt_get(*arguments: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["apt-get", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C must not cut dpkg off between two packages
        text=True,
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-12:])
        raise PackageError(f"apt-get {arguments[0]} ended with {done.returncode}:\n{tail}")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Two test runs at once must not each take the other's policy for the user's own."""
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _no_service_starts() -> Iterator[None]:
    """Forbid service starts and put back what was there.

    A signal takes effect only then: dpkg would go on without us, and start services under the restored policy. What a
    killed run leaves behind, the next one puts right.
    """
    received: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda number, _frame: received.append(number)) for number in signals}
    try:
        _restore()
        if _POLICY.exists():
            _POLICY.rename(_KEPT)
        _POLICY.write_text(f"#!/bin/sh\n{_MARK}\nexit 101\n")
        _POLICY.chmod(0o755)
        yield
    finally:
        _restore()
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        sys.exit(128 + received[0])


def _is_replaced() -> bool:
    return _POLICY.exists() and _MARK in _POLICY.read_text(errors="replace")


def _restore() -> None:
    if _is_replaced():
        _POLICY.unlink()
    if _KEPT.exists():
        _KEPT.rename(_POLICY)
