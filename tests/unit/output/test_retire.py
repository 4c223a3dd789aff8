"""Somebody works in the tree while it is written: what changed meanwhile is moved to the new tree, never removed."""

from dataclasses import replace

import pytest

from taskgen.output.drift import survey
from taskgen.output.errors import OutputError
from taskgen.output.place import Place
from taskgen.output.retire import Journal, recover
from taskgen.output.stage import build
from taskgen.output.swap import replace_folder
from taskgen.output.write import write
from tests.support.trees import ORIGIN, artifact

OLD = [artifact("a/rendered", "old"), artifact("same"), artifact("stale/x")]
NEW = [artifact("a/rendered", "new"), artifact("same")]


@pytest.fixture
def folder(tmp_path):
    """A rendered tree with a foreign file in it."""
    write(tmp_path / "p", OLD, origin=ORIGIN)
    (tmp_path / "p" / "a" / "mine").write_text("mine")
    return tmp_path / "p"


def write_while(folder, work):
    """Do what a write does, with somebody's work between the last look at the old tree and the swap."""
    place = Place.of(folder)
    found = survey(place, NEW, origin=ORIGIN)
    place.work.mkdir()
    build(found, {each.path: each for each in NEW})
    Journal.of(found.tree, staged=place.tree).write(place)
    work(folder)
    replace_folder(place.tree, place.live, aside=place.aside)
    saved = recover(place)
    place.work.rmdir()
    return saved


def save(path, content):
    """Save a file as editors do: a new file is renamed over the old one."""
    path.with_name("draft").write_text(content)
    path.with_name("draft").rename(path)


def test_a_new_foreign_file(folder):
    """A file that appeared while the tree was written is in the new tree."""
    assert write_while(folder, lambda old: (old / "a" / "late").write_text("late")) == []
    assert (folder / "a" / "late").read_text() == "late"


def test_a_new_foreign_folder(folder):
    """So is a folder, with what is in it, and an empty one."""
    write_while(folder, lambda old: ((old / "b" / "empty").mkdir(parents=True), (old / "b" / "x").write_text("late")))

    assert (folder / "b" / "x").read_text() == "late"
    assert (folder / "b" / "empty").is_dir()


def test_a_foreign_file_saved_meanwhile(folder):
    """The later state of a foreign file wins over the one that was carried before."""
    assert write_while(folder, lambda old: save(old / "a" / "mine", "later")) == []
    assert (folder / "a" / "mine").read_text() == "later"


def test_a_foreign_file_changed_in_place_meanwhile(folder):
    """A change in place is in both trees, because the file is one."""
    assert write_while(folder, lambda old: (old / "a" / "mine").write_text("later")) == []
    assert (folder / "a" / "mine").read_text() == "later"


def test_a_rendered_file_edited_meanwhile(folder):
    """An edit of a file that is replaced is kept beside the new one, and reported."""
    assert write_while(folder, lambda old: save(old / "a" / "rendered", "by hand")) == ["a/rendered.taskgen-saved"]
    assert (folder / "a" / "rendered").read_text() == "new"
    assert (folder / "a" / "rendered.taskgen-saved").read_text() == "by hand"


def test_a_second_edit_does_not_overwrite_the_first(folder):
    """Kept files get a number where the name is taken."""
    (folder / "a" / "rendered.taskgen-saved").write_text("first")

    saved = write_while(folder, lambda old: save(old / "a" / "rendered", "second"))

    assert saved == ["a/rendered.taskgen-saved-2"]
    assert (folder / "a" / "rendered.taskgen-saved").read_text() == "first"


def test_an_unchanged_rendered_file_edited_meanwhile(folder):
    """An edit of a file that stays as it is remains, and the next write refuses to overwrite it."""
    write_while(folder, lambda old: save(old / "same", "by hand"))

    assert (folder / "same").read_text() == "by hand"


def test_a_stale_file_edited_meanwhile(folder):
    """An edit of a file that leaves the plan keeps it alive."""
    write_while(folder, lambda old: save(old / "stale" / "x", "by hand"))

    assert (folder / "stale" / "x").read_text() == "by hand"


def test_an_edit_that_says_the_same(folder):
    """An edit to exactly what is rendered now leaves nothing to keep."""
    assert write_while(folder, lambda old: save(old / "a" / "rendered", "new")) == []
    assert not (folder / "a" / "rendered.taskgen-saved").exists()


def test_a_damaged_journal_stops(folder):
    """Where the journal cannot be read nothing is removed: somebody has to look."""
    place = Place.of(folder)
    place.work.mkdir()
    place.journal.write_text("{")

    with pytest.raises(OutputError, match="damaged, so nobody can tell"):
        write(folder, NEW, origin=ORIGIN)


def test_a_copied_work_folder_loses_nothing(folder, tmp_path):
    """Where even the inodes changed, as after a restore from a backup, unproven files are kept."""
    place = Place.of(folder)
    place.work.mkdir()
    Journal(staged=1, seen={}, folders=frozenset()).write(place)
    place.tree.mkdir()
    (place.tree / "whose").write_text("?")

    write(folder, NEW, origin=ORIGIN)

    assert (folder / "whose").read_text() == "?"
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_a_name_that_is_taken_on_this_file_system(folder):
    """Where case does not count, an artifact may meet a foreign file only when it is written: then nothing is."""
    place = Place.of(folder)
    found = survey(place, NEW, origin=ORIGIN)
    found = replace(found, carried=found.carried | {"a/rendered"})  # as if the disk called it by this name too
    place.work.mkdir()

    with pytest.raises(OutputError, match="another file there has the same name for this file system"):
        build(found, {each.path: each for each in NEW})
