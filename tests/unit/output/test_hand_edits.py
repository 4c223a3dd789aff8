"""Writing over hand edits: refused with a diff, overwritten with --force, and never without a lock."""

import pytest

from taskgen.output.drift import compare
from taskgen.output.errors import LockError
from taskgen.output.write import DIFF_LINES, write
from tests.support.trees import ARTIFACTS, ORIGIN, refused, rendered_now, snapshot


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
