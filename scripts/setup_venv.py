"""Makes `.venv` with this project and the extras asked for; answers in milliseconds when nothing changed.

Any Python 3 may start it: it goes on with a 3.11 or newer. Usage: python3 -m scripts.setup_venv [EXTRA ...]
"""

from __future__ import annotations  # an older Python must be able to read this file, to hand over to a newer one

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
NEWEST_MINOR = 20  # names tried from here down; one that does not exist costs a look at the PATH
ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / "taskgen-setup.json"


class SetupError(Exception):
    """The environment cannot be made; the message says what to do."""


def newer_python() -> str:
    """Path of a Python that is new enough, found on the PATH.

    Raises:
        SetupError: there is none.
    """
    test = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    for minor in range(NEWEST_MINOR, OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found and subprocess.run([found, "-c", test], capture_output=True, check=False).returncode == 0:
            return found
    have = ".".join(str(part) for part in sys.version_info[:3])
    wanted = ".".join(str(part) for part in OLDEST)
    raise SetupError(
        f"python3 is {have}, taskgen needs {wanted} or newer: install it, or run `make PYTHON=/path/of/it`"
    )


def fingerprint() -> dict[str, str]:
    """What decides the content of `.venv`: packaging metadata, interpreter, and the checkout it points to."""
    import tomllib

    with (ROOT / "pyproject.toml").open("rb") as file:
        declared = tomllib.load(file)
    metadata = [declared["build-system"], declared["project"], declared["tool"]["hatch"]]
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    return {"root": str(ROOT), "python": f"{sys.base_prefix} {sys.version}", "metadata": digest.hexdigest()}


def installed_extras(wanted: dict[str, str]) -> set[str] | None:
    """Extras that `.venv` already has, or None when it must be made or brought up to date."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
        return set(stamp["extras"]) if stamp["fingerprint"] == wanted else None
    except (OSError, ValueError, KeyError, TypeError):  # absent, or cut off in the middle: make it again
        return None


def make_venv() -> None:
    """Create `.venv`; Debian ships Python without the module that puts pip into it.

    Raises:
        SetupError: neither venv nor virtualenv can do it.
    """
    python = _base_python()
    if importlib.util.find_spec("ensurepip") is None:
        if shutil.which("virtualenv"):
            _run("virtualenv", "--quiet", "--clear", "--python", python, str(VENV))
            return
        _install_ensurepip()
    _run(python, "-m", "venv", "--clear", str(VENV))


def _base_python() -> str:
    """The interpreter behind an activated environment: `.venv` itself may be the active one, and is cleared."""
    base = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    return str(base) if base.exists() else sys.executable


def _install_ensurepip() -> None:
    from scripts import debian

    package = f"python3.{sys.version_info.minor}-venv"
    remedy = f"Python cannot make virtual environments: as root, `apt-get install {package}`, or install virtualenv"
    if not debian.can_install():
        raise SetupError(remedy)
    try:
        debian.install([package])
    except debian.PackageError as problem:
        raise SetupError(f"{remedy}\n{problem}") from problem
    importlib.invalidate_caches()


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False)
    if done.returncode != 0:
        raise SetupError(f"`{' '.join(command)}` ended with {done.returncode}; its own message stands above")


def set_up(extras: set[str]) -> None:
    """Bring `.venv` to the state that the metadata describes.

    Raises:
        SetupError: it cannot be made.
    """
    wanted = fingerprint()
    have = installed_extras(wanted)
    if have is not None and extras <= have:
        return
    if have is None:
        make_venv()
    together = sorted(extras | (have or set()))
    target = f"{ROOT}[{','.join(together)}]" if together else str(ROOT)
    print(f"installing into .venv: {' '.join(['taskgen', *together])}", flush=True)
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    _run(*pip, "install", "--quiet", "--editable", target)
    STAMP.write_text(json.dumps({"fingerprint": wanted, "extras": together}, indent=1), encoding="utf-8")


def main() -> int:
    """Set up and report; 2 when this machine cannot."""
    try:
        if sys.version_info < OLDEST:
            found = newer_python()
            os.execv(found, [found, "-m", "scripts.setup_venv", *sys.argv[1:]])  # noqa: S606 - replaces this process
        set_up(set(sys.argv[1:]))
    except SetupError as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
