"""What the commands print, and to whom."""

import os
import subprocess
import sys

from tests.support.workers import clean_environment

TALK = """
from task_abstraction.output import say

for number in range(3):
    say("x" * 100_000)
with open("done", "w") as done:
    done.write(str(number))
"""


def test_a_reader_that_has_gone_is_no_error(tmp_path):
    """`dead-letter replay | head -1` replays all that it was asked for, ends with its own code and says nothing."""
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-c", TALK],
        cwd=tmp_path,
        env=clean_environment({}),
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert (tmp_path / "done").read_text() == "2"
