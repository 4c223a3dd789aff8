"""kill -9 during a write: the tree is the old one or the new one, and the next write succeeds."""

import itertools
import os
import random
import signal
from pathlib import Path

import pytest

from taskgen.output.place import Place
from taskgen.output.write import write
from tests.support.crashing import AFTER, BEFORE, Run, Writers
from tests.support.trees import ORIGIN, snapshot

MOST_INSTANTS = 400

STRATEGIES = pytest.mark.parametrize(
    "exchange", [pytest.param(True, id="exchanged in one step"), pytest.param(False, id="renamed twice")]
)


@pytest.fixture(scope="module")
def writers():
    """What starts processes that write."""
    writers = Writers()
    yield writers
    writers.close()


def plant(folder: Path) -> None:
    """An old tree with foreign things of every kind in it."""
    write(folder, BEFORE, origin=ORIGIN)
    (folder / "empty" / "deep").mkdir(parents=True)
    (folder / "compose" / "notes.txt").write_text("mine")
    (folder / "compose" / "link").symlink_to("nowhere")
    os.mkfifo(folder / "compose" / "pipe")
    (folder / "locked").mkdir()
    (folder / "locked" / "tool").write_text("#!/bin/sh\n")
    (folder / "locked" / "tool").chmod(0o750)
    (folder / "locked").chmod(0o555)


def expected(folder: Path) -> dict[str, str | bytes]:
    """The new tree, written without a crash."""
    plant(folder)
    write(folder, AFTER, origin=ORIGIN)
    return snapshot(folder)


@STRATEGIES
def test_killed_at_every_step(writers, tmp_path, exchange):
    """Whichever access to the disk is the last one, a complete tree is there, and foreign things are in it."""
    new = expected(tmp_path / "reference" / "p")
    seen = set()
    for instant in range(1, MOST_INSTANTS):
        folder = tmp_path / str(instant) / "p"
        plant(folder)
        old = snapshot(folder)
        ended = writers(Run(folder=str(folder), exchange=exchange, instant=instant))
        found = snapshot(folder if exchange else Place.of(folder).readable())
        assert found in (old, new), f"neither tree after step {instant}"
        seen.add("old" if found == old else "new")
        assert writers(Run(folder=str(folder), exchange=exchange)) == 0
        assert snapshot(folder) == new, f"not repaired after step {instant}"
        assert [path.name for path in folder.parent.iterdir()] == ["p"], f"leftovers after step {instant}"
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    else:
        pytest.fail(f"the write has more than {MOST_INSTANTS} steps")
    assert seen == {"old", "new"}
    assert instant > 40, "the steps were not counted"


@STRATEGIES
def test_killed_again_while_it_recovers(writers, tmp_path, exchange):
    """A crash during the recovery from a crash is recovered from too."""
    new = expected(tmp_path / "reference" / "p")
    for first, second in itertools.product(range(20, 120, 9), range(1, 60, 7)):
        folder = tmp_path / f"{first}-{second}" / "p"
        plant(folder)
        old = snapshot(folder)
        writers(Run(folder=str(folder), exchange=exchange, instant=first))
        writers(Run(folder=str(folder), exchange=exchange, instant=second))
        assert snapshot(Place.of(folder).readable()) in (old, new)
        assert writers(Run(folder=str(folder), exchange=exchange)) == 0
        assert snapshot(folder) == new


@STRATEGIES
def test_killed_at_the_first_write(writers, tmp_path, exchange):
    """Where there was no tree there is none, or a complete one."""
    write(tmp_path / "reference" / "p", AFTER, origin=ORIGIN)
    new = snapshot(tmp_path / "reference" / "p")
    for instant in range(1, MOST_INSTANTS):
        folder = tmp_path / str(instant) / "p"
        ended = writers(Run(folder=str(folder), exchange=exchange, instant=instant))
        assert not folder.exists() or snapshot(folder) == new
        assert writers(Run(folder=str(folder), exchange=exchange)) == 0
        assert snapshot(folder) == new
        if ended == 0:
            break
    else:
        pytest.fail(f"the write has more than {MOST_INSTANTS} steps")


@STRATEGIES
def test_killed_at_any_time(writers, tmp_path, exchange):
    """Also between the steps that the interpreter announces, a kill leaves a complete tree."""
    folder = tmp_path / "p"
    plant(folder)
    old = snapshot(folder)
    new = expected(tmp_path / "reference" / "p")
    chance = random.Random(9)  # noqa: S311  the same delays in every run
    for _ in range(60):
        delay_s = 0.002 + chance.random() * 0.03
        assert writers(Run(folder=str(folder), exchange=exchange, delay_s=delay_s)) == -signal.SIGKILL
        assert snapshot(Place.of(folder).readable()) in (old, new)
    write(folder, AFTER, origin=ORIGIN)
    assert snapshot(folder) == new
