"""What an artifact may be called."""

import pytest

from taskgen.artifact import Artifact, ArtifactError


def make(path: str = "compose/compose.yaml", mode: int = 0o644) -> Artifact:
    """An artifact with a path or a mode to try."""
    return Artifact(path, b"", target="compose", template="compose.yaml.j2", mode=mode)


@pytest.mark.parametrize("path", ["a", "kubernetes/eu-1/a b.yaml", ".dockerignore", "ü/日本.txt", "a..b/...", "a:b"])
def test_plain_relative_paths_are_taken(path):
    """A path that every file system can hold is kept as it is."""
    assert make(path).path == path


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/etc/passwd", id="absolute"),
        pytest.param("../x", id="leaves the tree"),
        pytest.param("a/../../x", id="leaves the tree on the way"),
        pytest.param("a/./b", id="dot"),
        pytest.param("a//b", id="empty part"),
        pytest.param("a/", id="ends in a slash"),
        pytest.param("", id="empty"),
        pytest.param("..", id="the folder above"),
        pytest.param("a\\b", id="backslash"),
        pytest.param('a"b', id="quote"),
        pytest.param("a\nb", id="line break"),
        pytest.param("a\0b", id="null"),
        pytest.param("a\x7fb", id="delete"),
        pytest.param("a\u202eb", id="changes the direction of text"),
        pytest.param("a\ud800b", id="half a character"),
        pytest.param("taskgen.lock.json", id="the lock"),
    ],
)
def test_other_paths_are_refused(path):
    """A path that leaves the tree, or that the lock cannot hold, names the target that asked for it."""
    with pytest.raises(ArtifactError, match=r"^templates/compose/target\.yaml: output path "):
        make(path)


def test_mode_must_be_one_that_git_keeps():
    """A mode that a clone would lose is refused at once."""
    with pytest.raises(ArtifactError, match=r"mode 600 of compose/compose\.yaml is not kept by git, use 644 or 755"):
        make(mode=0o600)
