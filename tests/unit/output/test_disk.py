"""What the disk may do: be full, read-only, mounted in the way; on real file systems in a namespace of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from taskgen.output.stage import carry
from taskgen.output.tree import scan
from tests.support.consumers import program
from tests.support.need import need

ROOT = Path(__file__).parents[3]
START = """
import os, subprocess, sys
from taskgen.output.drift import compare
from taskgen.output.errors import OutputError
from taskgen.output.write import write
from tests.support.trees import ORIGIN, artifact, snapshot
from pathlib import Path

def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)

def refuse(folder, artifacts):
    before = snapshot(folder.parent)
    try:
        write(folder, artifacts, origin=ORIGIN)
    except OutputError as error:
        print(str(error).replace(str(folder), "p"))
    assert snapshot(folder.parent) == before, "something changed"

base = Path(sys.argv[1])
mount("-t", "tmpfs", "-o", "size=128k", "tmpfs", str(base))
folder = base / "out" / "p"
small = [artifact("a", "1"), artifact("b", "1")]
write(folder, small, origin=ORIGIN)
"""


@pytest.fixture
def alone(tmp_path):
    """Runs Python as root of a namespace, where it may mount what it likes; returns what it prints."""
    need("namespaces")
    command = [program("unshare"), "--user", "--map-root-user", "--mount"]

    def run(code: str) -> str:
        program = [*command, sys.executable, "-c", START + code, os.fspath(tmp_path)]
        done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_a_full_disk(alone):
    """Where the new tree does not fit, the old one stays, and the next smaller one is written."""
    printed = alone("""
refuse(folder, [*small, artifact("big", "x" * 200_000)])
write(folder, [*small, artifact("c", "1")], origin=ORIGIN)
print(sorted(snapshot(base)))
""")

    assert printed == (
        "p: No space left on device; make room on the disk. Nothing was changed\n"
        "['out', 'out/p', 'out/p/a', 'out/p/b', 'out/p/c', 'out/p/taskgen.lock.json']"
    )


def test_a_full_disk_at_every_size(alone):
    """However far the write gets before the disk is full, the tree is the old one or the new one."""
    alone("""
outcomes = set()
for free in range(0, 60, 4):
    new = [artifact("a", "2"), *(artifact(f"x/{i}", "x" * 1000) for i in range(8)), artifact("b", "2")]
    before = snapshot(folder)
    filler = base / "filler"
    filler.write_bytes(b"x" * (os.statvfs(base).f_bavail * 4096 - free * 1024))
    try:
        write(folder, new, origin=ORIGIN)
        outcomes.add("written")
    except OutputError:
        assert snapshot(folder) == before
        outcomes.add("refused")
    filler.unlink()
    write(folder, new, origin=ORIGIN)
    assert compare(folder, new, origin=ORIGIN).clean
    assert [path.name for path in (base / "out").iterdir()] == ["p"]
    write(folder, small, origin=ORIGIN)
assert outcomes == {"refused", "written"}, outcomes
""")


def test_a_read_only_disk(alone):
    """On a read-only disk a change is refused with a way out."""
    assert alone("""
mount("-o", "remount,bind,ro", str(base))
refuse(folder, [artifact("a", "2")])
""").endswith("Read-only file system; render into another folder with --out. Nothing was changed")


def test_nothing_to_write_on_a_read_only_disk(alone):
    """Where nothing changed, a read-only disk is as good as any."""
    assert (
        alone("""
mount("-o", "remount,bind,ro", str(base))
print(write(folder, small, origin=ORIGIN).drift.clean, compare(folder, small, origin=ORIGIN).clean)
""")
        == "True True"
    )


def test_something_mounted_inside(alone):
    """A mounted folder cannot move into a new tree, so it is named before anything is touched."""
    assert alone("""
(folder / "data").mkdir()
mount("-t", "tmpfs", "tmpfs", str(folder / "data"))
refuse(folder, [artifact("a", "2")])
""").endswith("p/data: cannot be carried into the new tree (another file system is mounted there); move it out of p")


def test_the_tree_itself_is_mounted(alone):
    """A mounted folder cannot be replaced, as in a container that mounts `out/<profile>` and not `out`."""
    assert (
        alone("""
mount("--bind", str(folder), str(folder))
refuse(folder, [artifact("a", "2")])
""")
        == "p: Device or resource busy; a mounted folder cannot be replaced: mount the folder above it. "
        "Nothing was changed"
    )


def test_a_tree_from_an_image(alone):
    """A folder that a container's image brought along cannot be renamed: the message says what can be done."""
    assert alone("""
(base / "upper").mkdir(); (base / "work").mkdir(); (base / "merged").mkdir()
layers = f"userxattr,lowerdir={base / 'out'},upperdir={base / 'upper'},workdir={base / 'work'}"
mount("-t", "overlay", "-o", layers, "overlay", str(base / "merged"))
folder = base / "merged" / "p"
refuse(folder, [artifact("a", "2")])
write(base / "merged" / "new", small, origin=ORIGIN)
write(base / "merged" / "new", small[:1], origin=ORIGIN)
""") == (
        "p: Invalid cross-device link; a folder from a lower layer of an overlay cannot be replaced: "
        "render into a new one with --out. Nothing was changed"
    )


def test_a_foreign_file_is_copied_where_it_cannot_be_linked(tmp_path):
    """Between file systems, or where links are forbidden, content, permissions and time stamps are copied."""
    shared = Path("/dev/shm")  # noqa: S108  another file system on Linux, nothing is left there
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("not run: needs a second file system at /dev/shm")
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "mine").chmod(0o750)
    os.utime(tmp_path / "mine", ns=(1, 1))
    target = shared / f"taskgen-test-{os.getpid()}"
    try:
        carry(tmp_path / "mine", target, leaf=scan(tmp_path).leaves["mine"])
        found = target.stat()
        assert (target.read_text(), found.st_mode & 0o777, found.st_mtime_ns) == ("mine", 0o750, 1)
    finally:
        target.unlink(missing_ok=True)
