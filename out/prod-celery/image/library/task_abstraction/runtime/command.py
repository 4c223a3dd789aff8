"""How a command of the library ends: an error is one line without secrets, and exit code 1."""

import logging
import sys
from collections.abc import Callable

from task_abstraction.config import redact
from task_abstraction.errors import TaskBackendError

log = logging.getLogger("task_abstraction.command")
FAILED = 1
"""Exit code of a command that an error has ended."""


def run_command(program: str, command: Callable[[], int]) -> int:
    """Run a command and return its exit code; what it raises is told on standard error, in the program's name."""
    try:
        return command()
    except TaskBackendError as error:
        text = str(error)
    except Exception as error:
        log.debug("unexpected error", exc_info=True)
        text = f"unexpected {type(error).__name__}: {error}. --log-level DEBUG shows where"
    print(f"{program}: {redact(text)}", file=sys.stderr)  # noqa: T201 - the output of the command
    return FAILED
