"""Every difference between disk and artifacts under its heading."""

import pytest

from taskgen.output.drift import Drift, Obstacle, compare
from taskgen.output.errors import OutputError
from taskgen.output.lock import Origin
from tests.support.trees import ARTIFACTS, ORIGIN, artifact, snapshot


def drift(folder, artifacts=ARTIFACTS, origin=ORIGIN):
    """The drift of a folder, which comparing must not touch."""
    before = snapshot(folder.parent)
    found = compare(folder, artifacts, origin=origin)
    assert snapshot(folder.parent) == before
    return found


def test_a_fresh_tree_has_no_drift(folder):
    """What was just written is clean."""
    assert drift(folder).clean
    assert drift(folder).lines() == []


def test_no_tree_misses_everything(tmp_path):
    """Where nothing was rendered, everything is missing, and nothing is made."""
    assert drift(tmp_path / "p") == Drift(missing=("compose/compose.yaml", "image/run.sh"), lock=True)


def test_missing(folder):
    """A file that somebody deleted is missing."""
    (folder / "compose/compose.yaml").unlink()

    assert drift(folder) == Drift(missing=("compose/compose.yaml",))


def test_changed(folder):
    """A file as last rendered whose artifact is another now is outdated."""
    assert drift(folder, [artifact("compose/compose.yaml", "new"), ARTIFACTS[1]]) == Drift(
        changed=("compose/compose.yaml",), lock=True
    )


def test_edited(folder):
    """A file that is neither as last rendered nor as rendered now was edited."""
    (folder / "compose/compose.yaml").write_text("by hand")

    assert drift(folder) == Drift(edited=("compose/compose.yaml",))


def test_edited_to_what_is_rendered_now(folder):
    """An edit that says what the artifact says is no drift but of the lock: nothing would be lost."""
    (folder / "compose/compose.yaml").write_text("new")

    assert drift(folder, [artifact("compose/compose.yaml", "new"), ARTIFACTS[1]]) == Drift(lock=True)


def test_replaced_by_a_link(folder):
    """A link in the place of a file is an edit, even if it leads to the same content."""
    (folder / "compose/compose.yaml").rename(folder / "mine")
    (folder / "compose/compose.yaml").symlink_to("../mine")

    assert drift(folder) == Drift(edited=("compose/compose.yaml",))


def test_the_executable_bit_counts(folder):
    """A script that lost its bit is outdated: writing it again loses nothing."""
    (folder / "image/run.sh").chmod(0o644)

    assert drift(folder) == Drift(changed=("image/run.sh",))


def test_other_permissions_do_not_count(folder):
    """Group and others follow the user's umask, as with git."""
    (folder / "compose/compose.yaml").chmod(0o600)

    assert drift(folder).clean


def test_a_file_system_without_modes_has_no_drift(folder):
    """Where every file is executable, also the lock, the bit tells nothing."""
    for path in ["taskgen.lock.json", "compose/compose.yaml", "image/run.sh"]:
        (folder / path).chmod(0o777)

    assert drift(folder).clean


def test_stale(folder):
    """A file that left the plan and is as last rendered is stale."""
    assert drift(folder, ARTIFACTS[:1]) == Drift(stale=("image/run.sh",), lock=True)


def test_orphaned(folder):
    """A file that left the plan and was edited belongs to its editor."""
    (folder / "image/run.sh").write_text("by hand")

    assert drift(folder, ARTIFACTS[:1]) == Drift(orphaned=("image/run.sh",), lock=True)


def test_gone_and_forgotten(folder):
    """A file that left the plan and the disk is only a line in the lock."""
    (folder / "image/run.sh").unlink()

    assert drift(folder, ARTIFACTS[:1]) == Drift(lock=True)


def test_foreign_elsewhere_is_no_drift(folder):
    """What taskgen did not write and does not need is nobody's business."""
    (folder / "compose" / "notes").write_text("mine")
    (folder / "mine" / "empty").mkdir(parents=True)

    assert drift(folder).clean


@pytest.mark.parametrize(
    ("make", "obstacle"),
    [
        pytest.param(lambda new: new.write_text("mine"), Obstacle("new", "new"), id="a file"),
        pytest.param(lambda new: new.symlink_to("nowhere"), Obstacle("new", "new"), id="a link"),
        pytest.param(lambda new: new.mkdir(), Obstacle("new", "new"), id="an empty folder"),
        pytest.param(
            lambda new: (new.mkdir(), (new / "x").write_text("")), Obstacle("new/x", "new"), id="a full folder"
        ),
        pytest.param(lambda new: (new / "a/b").mkdir(parents=True), Obstacle("new/a/b", "new"), id="folders"),
    ],
)
def test_foreign_in_the_place_of_a_file(folder, make, obstacle):
    """Whatever stands where an artifact is to go is named."""
    make(folder / "new")

    assert drift(folder, [*ARTIFACTS, artifact("new")]).foreign == (obstacle,)


@pytest.mark.parametrize(
    "make", [lambda new: new.write_text("mine"), lambda new: new.symlink_to(".")], ids=["file", "link"]
)
def test_foreign_in_the_place_of_a_folder(folder, make):
    """A file, or a link to a folder, where an artifact needs a folder is never written through."""
    make(folder / "new")

    assert drift(folder, [*ARTIFACTS, artifact("new/file")]).foreign == (Obstacle("new", "new/file"),)


def test_foreign_but_equal_is_adopted(folder):
    """After the lock was lost, files as rendered now are taken for ours: nothing can be lost by that."""
    (folder / "taskgen.lock.json").unlink()

    assert drift(folder) == Drift(lock=True)


def test_a_file_may_become_a_folder(folder):
    """Our own stale file is no obstacle to an artifact below its name, nor the other way round."""
    assert drift(folder, [artifact("compose"), artifact("image/run.sh/x")]) == Drift(
        missing=("compose", "image/run.sh/x"), stale=("compose/compose.yaml", "image/run.sh"), lock=True
    )


def test_other_inputs_are_drift_of_the_lock(folder):
    """A comment in a profile changes no file, but the lock has to name the new digest."""
    assert drift(folder, origin=Origin(version="1.2.3", profile="p", inputs={"profiles/p.yaml": "01"})) == Drift(
        lock=True
    )


def test_another_layout_is_drift_of_the_lock(folder):
    """A lock that a formatter rewrote would never answer the fast path again, so it is written anew."""
    lock = folder / "taskgen.lock.json"
    lock.write_text(lock.read_text().replace("  ", "\t"))

    assert drift(folder) == Drift(lock=True)


def test_lines_name_file_and_reason(folder):
    """`--check` prints one line for each file."""
    (folder / "compose/compose.yaml").write_text("by hand")

    assert drift(folder, [*ARTIFACTS, artifact("new")]).lines() == [
        "new: missing",
        "compose/compose.yaml: edited by hand",
        "taskgen.lock.json: outdated lock",
    ]


def test_a_linked_folder_is_followed(folder, tmp_path):
    """`out/` and `out/<profile>` may be links."""
    (tmp_path / "link").symlink_to(folder)

    assert compare(tmp_path / "link", ARTIFACTS, origin=ORIGIN).clean


def test_only_some_targets(folder):
    """Artifacts of one target say nothing about the files of another."""
    assert compare(folder, ARTIFACTS[:1], origin=ORIGIN, only={"compose"}).clean


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        pytest.param(["a/b", "a/b"], "a/b: rendered by t.j2 and by t.j2; change", id="one path twice"),
        pytest.param(["a/B", "a/b"], r"a/b: .* \(as a/B: some systems take the two for one\)", id="case"),
        pytest.param(["e\u0301", "\u00e9"], "some systems take the two for one", id="accents"),
        pytest.param(["a", "a/b"], "a: rendered as a file by t.j2, and t.j2 puts a/b below it", id="file and folder"),
        pytest.param(["A", "a/b"], "A: rendered as a file by t.j2", id="file and folder but for case"),
    ],
)
def test_artifacts_that_exclude_each_other_are_refused(tmp_path, paths, message):
    """Two artifacts that cannot stand side by side everywhere are refused before anything is written."""
    with pytest.raises(OutputError, match=message):
        compare(tmp_path / "p", [artifact(path) for path in paths], origin=ORIGIN)


def test_a_file_in_the_place_of_the_tree(tmp_path):
    """`out/<profile>` must be a folder."""
    (tmp_path / "p").write_text("")

    with pytest.raises(OutputError, match="not a folder, and the rendered tree is to go there"):
        compare(tmp_path / "p", ARTIFACTS, origin=ORIGIN)
