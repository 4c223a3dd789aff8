"""Writing a tree: equal to the artifacts afterwards, and only what changed is touched."""

import os
import stat

import pytest

from taskgen.output.drift import compare
from taskgen.output.errors import OutputError
from taskgen.output.place import read_lock
from taskgen.output.write import write
from tests.support.trees import ARTIFACTS, ORIGIN, artifact, rendered_now, snapshot


def test_what_was_written_is_on_disk(folder):
    """Content, folders and the executable bit are there, and the lock says so."""
    assert (folder / "compose/compose.yaml").read_text() == "rendered\n"
    assert os.access(folder / "image/run.sh", os.X_OK)
    assert not os.access(folder / "compose/compose.yaml", os.X_OK)
    assert set(read_lock(folder).outputs) == {"compose/compose.yaml", "image/run.sh"}


def test_nothing_is_left_beside_the_tree(folder):
    """`out/` is committed: no lock file, no temporary folder stays in it."""
    assert [path.name for path in folder.parent.iterdir()] == ["p"]


def test_permissions_follow_the_umask(tmp_path):
    """A written file is as readable as one that git checks out."""
    previous = os.umask(0o027)
    try:
        write(tmp_path / "p", ARTIFACTS, origin=ORIGIN)
    finally:
        os.umask(previous)

    assert stat.filemode((tmp_path / "p/compose/compose.yaml").stat().st_mode) == "-rw-r-----"
    assert stat.filemode((tmp_path / "p/image/run.sh").stat().st_mode) == "-rwxr-x---"


def test_the_same_again_touches_nothing(folder):
    """Writing what is there already does not even change a time stamp."""
    before = {path: path.stat() for path in [folder, *folder.rglob("*")]}

    written = write(folder, ARTIFACTS, origin=ORIGIN)

    assert written.drift.clean
    assert {path: path.stat() for path in before} == before


def test_writing_back_gives_the_first_bytes(folder):
    """Output is a function of input: there and back again is the same tree."""
    before = snapshot(folder)
    write(folder, rendered_now(), origin=ORIGIN)
    write(folder, ARTIFACTS, origin=ORIGIN)

    assert snapshot(folder) == before


def test_what_did_not_change_is_not_written(folder):
    """Tools that look at time stamps see only real changes."""
    before = (folder / "image/run.sh").stat()

    write(folder, rendered_now(), origin=ORIGIN)

    after = (folder / "image/run.sh").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_stale_files_go_with_their_folders(folder):
    """A file that left the plan is deleted, and no empty folder remains."""
    write(folder, ARTIFACTS[:1], origin=ORIGIN)

    assert set(snapshot(folder)) == {"compose", "compose/compose.yaml", "taskgen.lock.json"}


def test_a_folder_becomes_a_file_and_back(folder):
    """The shape of the tree may change as long as nothing foreign is in it."""
    write(folder, [artifact("compose"), artifact("image/run.sh/x")], origin=ORIGIN)
    write(folder, ARTIFACTS, origin=ORIGIN)

    assert compare(folder, ARTIFACTS, origin=ORIGIN).clean


def test_only_some_targets(folder):
    """A partial write leaves the files of other targets and their lines in the lock."""
    written = write(folder, [artifact("compose/compose.yaml", "new")], origin=ORIGIN, only={"compose"})

    assert written.drift.changed == ("compose/compose.yaml",)
    assert compare(folder, rendered_now(), origin=ORIGIN).lines() == ["taskgen.lock.json: outdated lock"]


def test_only_some_targets_names_no_inputs(folder):
    """After a partial write the tree may come from two states of the profile: the fast path must not trust it."""
    write(folder, [artifact("compose/compose.yaml", "new")], origin=ORIGIN, only={"compose"})

    assert read_lock(folder).origin.inputs == {}


def test_a_file_in_the_place_of_out(tmp_path):
    """A file where `out/` should be is an error with a reason, not a traceback."""
    (tmp_path / "out").write_text("")

    with pytest.raises(OutputError, match="Nothing was changed"):
        write(tmp_path / "out" / "p", ARTIFACTS, origin=ORIGIN)


def test_a_name_too_long_for_the_disk(folder):
    """What the file system refuses leaves the tree as it was."""
    before = snapshot(folder.parent)

    with pytest.raises(OutputError, match="File name too long; shorten the names of tiers or clusters"):
        write(folder, [*ARTIFACTS, artifact("x" * 300)], origin=ORIGIN)

    assert snapshot(folder.parent) == before
