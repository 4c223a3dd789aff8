"""Probes for containers without an HTTP probe: `python -m task_abstraction.health --live`, --ready, --beat or --url."""

import argparse
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from task_abstraction.config import read_setting
from task_abstraction.errors import ConfigurationError
from task_abstraction.output import say

TIMEOUT_S = 5.0
WRITTEN_BESIDE = ("", ".db", ".dat", "-wal")
"""What is appended to the name of beat's schedule file by the `dbm` that Python has: gdbm, ndbm, dumb, sqlite3."""


def ask(url: str) -> tuple[bool, str]:
    """Ask a server on this host."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - http, checked by the flag
            return True, answer.read().decode(errors="replace").strip()
    except urllib.error.HTTPError as error:
        return False, error.read().decode(errors="replace").strip()
    except OSError as error:
        return False, f"no answer from {url}: {error}"


def http_url(text: str) -> str:
    """Parse an address of HTTP."""
    if not text.startswith("http://"):
        raise ValueError(text)
    return text


def beat_is_fresh(path: Path, limit_s: float) -> tuple[bool, str]:
    """Whether the file, or the one that a `dbm` of this name is written to, was touched within the limit."""
    touched = []
    for suffix in WRITTEN_BESIDE:
        with suppress(OSError):
            touched.append(path.with_name(path.name + suffix).stat().st_mtime)
    if not touched:
        return False, f"{path}: cannot be read, or was never written"
    age = time.time() - max(touched)
    return age < limit_s, f"{path}: touched {age:.0f} s ago, limit {limit_s:.0f} s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the answer; exit code 0 is healthy, 1 is not."""
    parser = argparse.ArgumentParser(prog="python -m task_abstraction.health", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--live", action="store_true", help="the consumer loop moves")
    what.add_argument("--ready", action="store_true", help="the consumer is registered")
    what.add_argument(
        "--beat", metavar="FILE", type=Path, help="a file is fresh: that of TASK_HEARTBEAT_FILE, or beat's"
    )
    what.add_argument("--url", metavar="URL", type=http_url, help="a server of the application's own answers 2xx")
    flags = parser.parse_args(arguments)
    try:
        if flags.beat is not None:
            healthy, text = beat_is_fresh(flags.beat, 2 * read_setting("health_interval_s"))
        else:
            path = "/livez" if flags.live else "/readyz"
            healthy, text = ask(flags.url or f"http://127.0.0.1:{read_setting('health_port')}{path}")
    except ConfigurationError as error:
        healthy, text = False, str(error)
    say(text)
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main())
