"""Writing a tree: equal to the artifacts afterwards, and nobody's work is lost."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from taskgen.output.drift import compare
from taskgen.output.errors import BusyError, LockError, OutputError, RefusedError
from taskgen.output.hold import hold
from taskgen.output.place import Place, read_lock
from taskgen.output.write import DIFF_LINES, write
from tests.support.trees import ORIGIN, artifact, snapshot

ROOT = Path(__file__).parents[3]
ARTIFACTS = [artifact("compose/compose.yaml"), artifact("image/run.sh", mode=0o755)]


@pytest.fixture
def folder(tmp_path):
    """A rendered tree without drift."""
    write(tmp_path / "p", ARTIFACTS, origin=ORIGIN)
    return tmp_path / "p"


def rendered_now(content="new"):
    """The artifacts after a change of the profile."""
    return [artifact("compose/compose.yaml", content), ARTIFACTS[1]]


def refused(folder, artifacts, **options):
    """The refusal of a write, which must have changed nothing."""
    before = snapshot(folder.parent)
    with pytest.raises(RefusedError) as caught:
        write(folder, artifacts, origin=ORIGIN, **options)
    assert snapshot(folder.parent) == before
    return caught.value


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


def test_a_hand_edit_is_refused_with_its_diff(folder):
    """The message names the file, both ways out, and what would be lost."""
    (folder / "compose/compose.yaml").write_text("by hand\n")

    error = refused(folder, ARTIFACTS)

    name = f"{folder}/compose/compose.yaml"
    assert str(error) == (
        f"{folder}: 1 file in the way, nothing was written\n"
        f"  {name}: edited by hand since it was rendered; move the edit into the profile or a template of your own, "
        "or overwrite it with --force\n"
        f"--- {name} (on disk)\n+++ {name} (rendered)\n@@ -1 +1 @@\n-by hand\n+rendered"
    )


def test_force_overwrites_a_hand_edit(folder):
    """Whoever has read the diff may drop the edit."""
    (folder / "compose/compose.yaml").write_text("by hand")

    write(folder, ARTIFACTS, origin=ORIGIN, force=True)

    assert (folder / "compose/compose.yaml").read_text() == "rendered\n"


def test_force_replaces_a_link_and_not_what_it_leads_to(folder, tmp_path):
    """A link in the place of a file of ours is an edit; its target is somebody's file."""
    (tmp_path / "mine").write_text("mine")
    (folder / "compose/compose.yaml").unlink()
    (folder / "compose/compose.yaml").symlink_to(tmp_path / "mine")

    write(folder, ARTIFACTS, origin=ORIGIN, force=True)

    assert not (folder / "compose/compose.yaml").is_symlink()
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"\xff\xfe", "differs, and is not text", id="binary"),
        pytest.param(
            b"rendered\r\n", "differs in line ends only; set `out/** -text` in .gitattributes", id="line ends"
        ),
        pytest.param(b"x\n" * 1000, "lines more", id="long"),
        pytest.param(b"rendered", "-rendered\n\\ No newline at end of file\n+rendered", id="last line"),
    ],
)
def test_diffs_stay_readable(folder, content, expected):
    """A diff is text, of bounded length, and says where only line ends differ."""
    (folder / "compose/compose.yaml").write_bytes(content)

    error = refused(folder, ARTIFACTS)

    assert expected in str(error)
    assert len(str(error).splitlines()) < DIFF_LINES + 10


def test_an_orphan_is_refused(folder):
    """An edited file that left the plan is not deleted, and not silently kept either."""
    (folder / "image/run.sh").write_text("by hand")

    assert "image/run.sh: edited by hand, and no longer rendered; delete it, or keep it as your own file" in str(
        refused(folder, ARTIFACTS[:1])
    )


def test_force_keeps_an_orphan(folder):
    """With --force an edited file that left the plan becomes a foreign one."""
    (folder / "image/run.sh").write_text("by hand")

    assert write(folder, ARTIFACTS[:1], origin=ORIGIN, force=True).drift.orphaned == ("image/run.sh",)
    assert (folder / "image/run.sh").read_text() == "by hand"
    assert compare(folder, ARTIFACTS[:1], origin=ORIGIN).clean


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda new: new.write_text("mine"), id="file"),
        pytest.param(lambda new: new.mkdir(), id="folder"),
        pytest.param(lambda new: new.symlink_to("nowhere"), id="link"),
        pytest.param(os.mkfifo, id="pipe"),
    ],
)
def test_a_foreign_file_in_the_way_is_refused(folder, make, force):
    """What taskgen did not write is never overwritten, whatever it is and whatever the flags."""
    make(folder / "new")

    error = refused(folder, [*ARTIFACTS, artifact("new")], force=force)

    assert str(error).endswith(f"  {folder}/new: not written by taskgen, and new is to go there; move or delete it")


def test_everything_foreign_survives(folder, monkeypatch):
    """Files, links, pipes, sockets, empty folders, permissions and time stamps outlive a change of the rest."""
    (folder / "compose" / "data" / "deep").mkdir(parents=True)
    (folder / "compose" / "data").chmod(0o700)
    (folder / "mine").write_text("mine")
    (folder / "mine").chmod(0o4510)
    os.utime(folder / "mine", (1, 1))
    (folder / "link").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    server = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(folder)  # the path of a socket must be short
    server.bind("socket")
    monkeypatch.undo()
    server.close()
    before = {name: (folder / name).lstat() for name in ["mine", "link", "pipe", "socket"]}
    modes = (folder / "compose" / "data").stat().st_mode

    write(folder, rendered_now(), origin=ORIGIN)

    after = {name: (folder / name).lstat() for name in before}
    assert [(s.st_ino, s.st_mode, s.st_mtime_ns) for s in after.values()] == [
        (s.st_ino, s.st_mode, s.st_mtime_ns) for s in before.values()
    ]
    assert (folder / "compose" / "data").stat().st_mode == modes
    assert (folder / "compose" / "data" / "deep").is_dir()


def test_a_huge_sparse_file_is_carried_without_reading(folder):
    """A terabyte of holes costs neither time nor disk."""
    with (folder / "disk.img").open("wb") as file:
        file.truncate(2**40)

    write(folder, rendered_now(), origin=ORIGIN)

    assert (folder / "disk.img").stat().st_blocks == 0
    assert (folder / "disk.img").stat().st_size == 2**40


def test_an_open_foreign_file_keeps_receiving(folder):
    """A process that has a foreign file open, a log for example, goes on writing into the same file."""
    with (folder / "worker.log").open("w") as log:
        write(folder, rendered_now(), origin=ORIGIN)
        log.write("after")

    assert (folder / "worker.log").read_text() == "after"


def test_linked_folders_stay_links(tmp_path):
    """`out/` and `out/<profile>` may be links; the tree behind them is written."""
    (tmp_path / "real" / "q").mkdir(parents=True)
    (tmp_path / "out").symlink_to("real")
    (tmp_path / "real" / "p").symlink_to("q")

    write(tmp_path / "out" / "p", ARTIFACTS, origin=ORIGIN)

    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "real" / "p").is_symlink()
    assert compare(tmp_path / "real" / "q", ARTIFACTS, origin=ORIGIN).clean


def test_a_linked_folder_inside_is_not_written_through(folder, tmp_path):
    """A link to a folder elsewhere in the place of a folder of ours is refused: that place is not ours."""
    (tmp_path / "elsewhere").mkdir()
    (folder / "kubernetes").symlink_to(tmp_path / "elsewhere")

    refused(folder, [*ARTIFACTS, artifact("kubernetes/x.yaml")], force=True)


def test_a_folder_becomes_a_file_and_back(folder):
    """The shape of the tree may change as long as nothing foreign is in it."""
    write(folder, [artifact("compose"), artifact("image/run.sh/x")], origin=ORIGIN)
    write(folder, ARTIFACTS, origin=ORIGIN)

    assert compare(folder, ARTIFACTS, origin=ORIGIN).clean


def test_a_broken_lock_stops_a_write(folder):
    """Without a readable lock nobody knows what is whose: --force does not help."""
    (folder / "taskgen.lock.json").write_text("<<<<<<< HEAD\n")

    with pytest.raises(LockError, match="unresolved merge conflict"):
        write(folder, rendered_now(), origin=ORIGIN, force=True)


def test_a_lost_lock_comes_back(folder):
    """Where every file is as rendered, a lost lock is simply written again."""
    before = snapshot(folder)
    (folder / "taskgen.lock.json").unlink()

    write(folder, ARTIFACTS, origin=ORIGIN)

    assert snapshot(folder) == before


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


def test_only_some_targets(folder):
    """A partial write leaves the files of other targets and their lines in the lock."""
    written = write(folder, [artifact("compose/compose.yaml", "new")], origin=ORIGIN, only={"compose"})

    assert written.drift.changed == ("compose/compose.yaml",)
    assert compare(folder, rendered_now(), origin=ORIGIN).lines() == ["taskgen.lock.json: outdated lock"]


def test_only_some_targets_names_no_inputs(folder):
    """After a partial write the tree may come from two states of the profile: the fast path must not trust it."""
    write(folder, [artifact("compose/compose.yaml", "new")], origin=ORIGIN, only={"compose"})

    assert read_lock(folder).origin.inputs == {}


def test_a_read_only_foreign_folder_is_carried(folder):
    """A folder that even its owner may not write into is rebuilt with the same permissions."""
    (folder / "locked").mkdir()
    (folder / "locked" / "x").write_text("mine")
    (folder / "locked").chmod(0o555)

    write(folder, rendered_now(), origin=ORIGIN)

    assert (folder / "locked" / "x").read_text() == "mine"
    assert stat.filemode((folder / "locked").stat().st_mode) == "dr-xr-xr-x"
