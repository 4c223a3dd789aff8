"""Probes for containers without an HTTP probe: `python -m task_abstraction.health --live | --ready | --beat FILE`."""

import argparse
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from task_abstraction.config import read_setting
from task_abstraction.errors import ConfigurationError

TIMEOUT_S = 5.0


def ask(path: str, port: int) -> tuple[bool, str]:
    """Ask the worker's own server on this host."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=TIMEOUT_S) as answer:
            return True, answer.read().decode().strip()
    except urllib.error.HTTPError as error:
        return False, error.read().decode().strip()
    except OSError as error:
        return False, f"no answer on port {port}: {error}"


def beat_is_fresh(path: Path, limit_s: float) -> tuple[bool, str]:
    """Whether the file was touched within the limit."""
    try:
        age = time.time() - path.stat().st_mtime
    except OSError as error:
        return False, f"{path}: {error.strerror}"
    return age < limit_s, f"{path}: touched {age:.0f} s ago, limit {limit_s:.0f} s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the answer; exit code 0 is healthy, 1 is not."""
    parser = argparse.ArgumentParser(prog="python -m task_abstraction.health", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--live", action="store_true", help="the consumer loop moves")
    what.add_argument("--ready", action="store_true", help="the consumer is registered")
    what.add_argument("--beat", metavar="FILE", type=Path, help="the heartbeat file (TASK_HEARTBEAT_FILE) is fresh")
    flags = parser.parse_args(arguments)
    try:
        if flags.beat is not None:
            healthy, text = beat_is_fresh(flags.beat, 2 * read_setting("health_interval_s"))
        else:
            healthy, text = ask("/livez" if flags.live else "/readyz", read_setting("health_port"))
    except ConfigurationError as error:
        healthy, text = False, str(error)
    print(text)  # noqa: T201 - the output of the command
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main())
