"""The lock: JSON for everybody, lines for git and for the fast path."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskgen.output.errors import LockError
from taskgen.output.layout import names_in
from taskgen.output.lock import Lock, Origin, Output, parse_lock
from taskgen.output.place import read_lock

DIGEST = "ab" * 32
NAMES = st.text(st.characters(exclude_categories=["C"], exclude_characters='"\\'), min_size=1).filter(str.isprintable)


def lock(**outputs: int) -> Lock:
    """A lock with these outputs."""
    origin = Origin(version="1.0", profile="p", overrides=("a=1",), inputs={"profiles/p.yaml": "00", "library:": "11"})
    return Lock(origin=origin, outputs={path: Output(DIGEST, mode) for path, mode in outputs.items()})


def test_the_lock_is_json():
    """Any JSON reader gets version, profile, overrides, inputs and outputs."""
    document = json.loads(lock(b=0o755, a=0o644).text())

    assert document == {
        "format": 1,
        "taskgen": "1.0",
        "profile": "p",
        "digests": "blake2b-256",
        "overrides": ["a=1"],
        "inputs": {"library:": "11", "profiles/p.yaml": "00"},
        "outputs": {"a": {"digest": DIGEST, "mode": "644"}, "b": {"digest": DIGEST, "mode": "755"}},
    }


def test_one_file_is_one_line():
    """A changed file is one changed line in a review, in sorted order."""
    lines = lock(b=0o644, a=0o755).text().splitlines()

    assert [line.strip()[:3] for line in lines if DIGEST in line] == ['"a"', '"b"']


@given(
    overrides=st.lists(st.text(st.characters(exclude_categories=[]))),
    inputs=st.dictionaries(NAMES, NAMES),
    outputs=st.sets(NAMES.filter(lambda name: "/" not in name and name not in {".", ".."})),
)
def test_every_lock_comes_back(overrides, inputs, outputs):
    """Whatever stands in names and overrides, reading gives what was written, with and without a JSON parser."""
    origin = Origin(version="1", profile="p", overrides=tuple(overrides), inputs=inputs)
    written = Lock(origin=origin, outputs={path: Output(DIGEST, 0o755) for path in outputs})

    assert parse_lock(written.text(), place="lock") == written
    assert names_in(written.text()) == (sorted(inputs), dict.fromkeys(outputs, True))


CONFLICT = """{
  "format": 1,
<<<<<<< HEAD
  "taskgen": "1.0",
=======
  "taskgen": "1.1",
>>>>>>> other
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            CONFLICT,
            "out/p/taskgen.lock.json:3:1: unresolved merge conflict; take the folder of one side "
            "(`git checkout --ours -- out/p`) and render again",
            id="merge conflict",
        ),
        pytest.param("", "out/p/taskgen.lock.json:1:1: not JSON: Expecting value;", id="empty"),
        pytest.param('{"format": 1', "out/p/taskgen.lock.json:1:13: not JSON: Expecting ',' delimiter;", id="cut off"),
        pytest.param("[]", "not a lock of taskgen: expected an object;", id="a list"),
        pytest.param("{}", "not a lock of taskgen: no 'format';", id="no format"),
        pytest.param('{"format": 2}', "format 2, and this version of taskgen reads 1;", id="from a later version"),
        pytest.param('{"a": 1, "a": 2}', "a key occurs twice, probably from a merge;", id="merged lines"),
        pytest.param("[" * 100_000, "not a lock of taskgen: ", id="too deep"),
        pytest.param(lock(a=0o644).text().replace('"a"', '"../a"'), "output '../a' is outside the tree", id="escape"),
        pytest.param(lock(a=0o644).text().replace('"a"', '"/a"'), "output '/a' is outside the tree", id="absolute"),
        pytest.param(lock(a=0o644).text().replace("abab", "xyxy"), "no valid digest and mode", id="no digest"),
        pytest.param(lock(a=0o644).text().replace('"644"', '"777"'), "no valid digest and mode", id="no mode"),
        pytest.param(lock().text().replace('"00"', "7"), "expected text, not 7", id="no text"),
    ],
)
def test_a_broken_lock_says_what_and_where(text, message):
    """A lock that cannot be used names its place, the reason and the remedy."""
    with pytest.raises(LockError) as caught:
        parse_lock(text, place="out/p/taskgen.lock.json")

    assert message in str(caught.value)
    assert "git checkout" in str(caught.value)
    assert caught.value.exit_code == 2


def test_another_layout_is_read_too(tmp_path):
    """A lock that a formatter has rewritten is still the lock."""
    (tmp_path / "taskgen.lock.json").write_text(json.dumps(json.loads(lock(a=0o644).text()), indent=8))

    assert read_lock(tmp_path) == lock(a=0o644)


def test_no_lock_is_no_error(tmp_path):
    """A tree that was never rendered has no lock."""
    assert read_lock(tmp_path / "p") is None


def test_binary_is_refused(tmp_path):
    """Bytes that are no text name the first bad one."""
    (tmp_path / "taskgen.lock.json").write_bytes(b"{\xff}")

    with pytest.raises(LockError, match="not UTF-8 at byte 1"):
        read_lock(tmp_path)


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.symlink_to("x")], ids=["folder", "link"])
def test_a_lock_is_a_plain_file(tmp_path, make):
    """A folder or a link in the place of the lock is refused."""
    make(tmp_path / "taskgen.lock.json")

    with pytest.raises(LockError, match="not a plain file"):
        read_lock(tmp_path)
