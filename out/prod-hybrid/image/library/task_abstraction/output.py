"""What the commands print."""

import os
import sys


def say(text: str) -> None:
    """Print a line; a reader that has gone (`| head`, `| grep -q`) is no error, and what the command does goes on."""
    try:
        print(text, flush=True)  # noqa: T201 - the output of the command
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
