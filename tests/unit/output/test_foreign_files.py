"""Writing beside what taskgen did not write: it is carried over as it is, or the write is refused."""

import os
import socket
import stat

import pytest

from taskgen.output.drift import compare
from taskgen.output.write import write
from tests.support.trees import ARTIFACTS, ORIGIN, artifact, refused, rendered_now


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


def test_a_read_only_foreign_folder_is_carried(folder):
    """A folder that even its owner may not write into is rebuilt with the same permissions."""
    (folder / "locked").mkdir()
    (folder / "locked" / "x").write_text("mine")
    (folder / "locked").chmod(0o555)

    write(folder, rendered_now(), origin=ORIGIN)

    assert (folder / "locked" / "x").read_text() == "mine"
    assert stat.filemode((folder / "locked").stat().st_mode) == "dr-xr-xr-x"
