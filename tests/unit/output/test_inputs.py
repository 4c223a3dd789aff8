"""Digests of what a tree depends on."""

import os

import pytest

from taskgen.output.inputs import Sources, file_inputs, tree_files, tree_inputs


@pytest.fixture
def tree(tmp_path):
    """A folder of templates for two targets."""
    for path in ["kubernetes/target.yaml", "kubernetes/deployment.yaml.j2", "compose/target.yaml", "shared.j2"]:
        (tmp_path / "t" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "t" / path).write_text(path)
    return tmp_path / "t"


def test_a_tree_has_one_entry_for_each_name_at_its_top(tree):
    """The lock tells which target changed without a line for every template."""
    assert sorted(tree_inputs("templates:", str(tree))) == [
        "templates:compose/",
        "templates:kubernetes/",
        "templates:shared.j2",
    ]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda tree: (tree / "compose" / "new.j2").write_text(""), id="a new template"),
        pytest.param(lambda tree: (tree / "compose" / "target.yaml").write_text("other"), id="another content"),
        pytest.param(lambda tree: (tree / "compose" / "target.yaml").unlink(), id="a removed template"),
        pytest.param(lambda tree: (tree / "compose" / "target.yaml").rename(tree / "compose" / "x"), id="another name"),
        pytest.param(lambda tree: (tree / "shared.j2").rename(tree / "compose" / "shared.j2"), id="another folder"),
    ],
)
def test_every_change_of_a_tree_is_noticed(tree, change):
    """Content, names and presence of files all count."""
    before = tree_inputs("templates:", str(tree))
    change(tree)

    after = tree_inputs("templates:", str(tree))

    assert after != before
    assert after["templates:kubernetes/"] == before["templates:kubernetes/"]


def test_a_new_target_is_a_new_entry(tree):
    """A folder that appears takes part, although no lock has named it."""
    (tree / "ecs").mkdir()
    (tree / "ecs" / "target.yaml").write_text("")

    assert "templates:ecs/" in tree_inputs("templates:", str(tree))


def test_a_missing_tree_is_recorded(tmp_path):
    """The user's own templates may not be there; when they appear, that is a change."""
    missing = tree_inputs("own:", str(tmp_path / "templates"))
    (tmp_path / "templates").mkdir()
    empty = tree_inputs("own:", str(tmp_path / "templates"))

    assert (missing, empty) == ({"own:": "absent"}, {"own:": "empty"})


@pytest.mark.parametrize("junk", ["__pycache__/a.pyc", "compose/x.pyc", "compose/a~", ".mypy_cache/x", "a.egg-info/b"])
def test_leftovers_of_tools_do_not_count(tree, junk):
    """Caches and editors' copies change nothing, because rendering walks the tree with the same function."""
    before = tree_inputs("templates:", str(tree))
    (tree / junk).parent.mkdir(exist_ok=True)
    (tree / junk).write_text("junk")

    assert tree_inputs("templates:", str(tree)) == before


def test_a_linked_folder_counts_and_a_loop_ends(tree, tmp_path):
    """What a link leads to takes part, but a link to a folder around it is not followed for ever."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "target.yaml").write_text("")
    (tmp_path / "elsewhere" / "back").symlink_to(tree)
    (tree / "linked").symlink_to(tmp_path / "elsewhere")
    (tree / "self").symlink_to(tree)

    assert [path for path, _ in tree_files(str(tree)) if path.startswith(("linked", "self"))] == ["linked/target.yaml"]


def test_a_pipe_does_not_block(tree):
    """Something that is no file counts by its name and is never opened for reading."""
    os.mkfifo(tree / "compose" / "pipe")

    assert tree_inputs("templates:", str(tree))


def test_a_missing_file_is_recorded(tmp_path):
    """What the loader looked for in vain is a change when it appears."""
    path = tmp_path / "p.yml"
    missing = file_inputs([("profiles/p.yml", str(path))])
    path.write_text("")

    assert missing == {"profiles/p.yml": "absent"}
    assert file_inputs([("profiles/p.yml", str(path))]) != missing


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb"])
def test_names_that_the_lock_cannot_hold_are_refused(name):
    """A profile file with a quote in its name is refused when the lock is written, not when it is read."""
    with pytest.raises(ValueError, match="must not hold quotes, backslashes or control characters"):
        file_inputs([(name, "/nowhere")])


def test_the_longest_prefix_decides():
    """A logical name belongs to the innermost folder that claims it."""
    sources = Sources(files={"profiles/": "/a", "profiles/shared/": "/b"}, trees={"templates:": "/c"})

    assert sources.path("profiles/shared/x.yaml") == "/b/x.yaml"
    assert sources.path("elsewhere/x.yaml") is None
    assert sources.holds("templates:compose/")
