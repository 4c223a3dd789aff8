"""Several processes at one tree: they wait for each other, and a reader never sees a mixture."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from taskgen.output.drift import compare
from taskgen.output.errors import BusyError
from taskgen.output.hold import hold
from taskgen.output.place import Place
from taskgen.output.write import write
from tests.support.trees import ARTIFACTS, ORIGIN, artifact, rendered_now, snapshot

ROOT = Path(__file__).parents[3]


def test_two_writers(folder):
    """The second of two renders of one profile is told to wait, and has changed nothing."""
    place = Place.of(folder)
    with hold(place.work, shown="x"), pytest.raises(BusyError, match="another render is writing it; wait until it has"):
        write(folder, rendered_now(), origin=ORIGIN)

    assert compare(folder, ARTIFACTS, origin=ORIGIN).clean


def test_many_writers(folder):
    """Of many processes that write one tree at once each succeeds or is told to wait, and nothing is left over."""
    code = (
        "import sys\n"
        "from taskgen.output.errors import BusyError\n"
        "from taskgen.output.write import write\n"
        "from tests.support.trees import ORIGIN, artifact\n"
        "for turn in range(40):\n"
        "    try:\n"
        "        write(sys.argv[1], [artifact('a', sys.argv[2] * turn), artifact('b')], origin=ORIGIN)\n"
        "    except BusyError:\n"
        "        pass\n"
    )
    command = [sys.executable, "-c", code, os.fspath(folder)]
    writers = [subprocess.Popen([*command, name], cwd=ROOT, stderr=subprocess.PIPE) for name in "xyz"]

    assert [writer.communicate()[1] for writer in writers] == [b"", b"", b""]
    assert [path.name for path in folder.parent.iterdir()] == ["p"]
    assert set(snapshot(folder)) == {"a", "b", "taskgen.lock.json"}


def test_comparing_while_somebody_writes(folder):
    """A reader sees the tree before or after a write, never a mixture that would look like hand edits."""
    code = (
        "import sys\n"
        "from taskgen.output.write import write\n"
        "from tests.support.trees import ORIGIN, artifact\n"
        "for turn in range(100):\n"
        "    write(sys.argv[1], [artifact(f'f{i}', str(turn % 2)) for i in range(20)], origin=ORIGIN)\n"
    )
    plans = [[artifact(f"f{i}", str(turn)) for i in range(20)] for turn in (0, 1)]
    write(folder, plans[1], origin=ORIGIN)
    with subprocess.Popen([sys.executable, "-c", code, os.fspath(folder)], cwd=ROOT) as writer:
        while writer.poll() is None:
            drift = compare(folder, plans[0], origin=ORIGIN)
            assert drift.clean or len(drift.changed) == 20

    assert writer.returncode == 0


def test_two_profiles_do_not_wait_for_each_other(folder):
    """Profiles are written side by side, as `--all` does."""
    with hold(Place.of(folder).work, shown="x"):
        write(folder.parent / "q", ARTIFACTS, origin=ORIGIN)

    assert compare(folder.parent / "q", ARTIFACTS, origin=ORIGIN).clean
