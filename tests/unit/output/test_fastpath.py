"""Nothing changed: said only where it is true, and before any heavy import."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import taskgen
from taskgen import fastpath
from taskgen.artifact import LOCK_NAME
from taskgen.output.inputs import Sources, file_inputs
from taskgen.output.lock import Origin
from taskgen.output.place import Place
from taskgen.output.write import write
from tests.support.trees import artifact

ARTIFACTS = [artifact("compose/compose.yaml"), artifact("image/run.sh", mode=0o755)]
SAID = "1 warning: tiers.low: no SLO\n"


class Project:
    """A project on disk with one rendered profile."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for path in ["profiles/p.yaml", "profiles/env/prod.yaml", "templates/compose/target.yaml", "library/a.py"]:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(path)
        self.folder = root / "out" / "p"
        self.overrides = ("tiers.low.scale.max=2",)
        self.render()

    def sources(self, **files: str) -> Sources:
        """Where the inputs are, read anew as by another run."""
        return Sources(
            files={"profiles/": str(self.root / "profiles"), **files},
            trees={
                "templates:": str(self.root / "templates"),
                "library:": str(self.root / "library"),
                "own-templates:": str(self.root / "own"),
            },
        )

    def render(self) -> None:
        """What a successful run does."""
        names = ["profiles/p.yaml", "profiles/env/prod.yaml", "profiles/env/prod.yml"]
        inputs = self.sources().tree_inputs() | file_inputs([(name, str(self.root / name)) for name in names])
        origin = Origin(version=taskgen.__version__, profile="p", overrides=self.overrides, inputs=inputs)
        write(self.folder, ARTIFACTS, origin=origin)
        fastpath.remember(str(self.folder), command="render", said=SAID)

    def ask(self, **other: object) -> str | None:
        """What the next run would be told."""
        question = {
            "command": "render",
            "profile": "p",
            "overrides": self.overrides,
            "sources": self.sources(),
            **other,
        }
        return fastpath.unchanged(str(self.folder), **question)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A rendered project, with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Project(tmp_path)


def test_nothing_changed(project):
    """The answer is what the last run said, warnings included."""
    assert project.ask() == SAID


def test_a_foreign_file_changes_nothing(project):
    """What is not ours has no part in the answer."""
    (project.folder / "notes").write_text("mine")

    assert project.ask() == SAID


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda root: (root / "profiles/p.yaml").write_text("other"), id="the profile"),
        pytest.param(lambda root: (root / "profiles/env/prod.yaml").write_text("other"), id="a fragment"),
        pytest.param(lambda root: (root / "profiles/env/prod.yaml").unlink(), id="a fragment is gone"),
        pytest.param(lambda root: (root / "profiles/env/prod.yml").write_text(""), id="a fragment that was looked for"),
        pytest.param(lambda root: (root / "templates/compose/target.yaml").write_text(""), id="a template"),
        pytest.param(lambda root: (root / "templates/compose/new.j2").write_text(""), id="a new template"),
        pytest.param(lambda root: (root / "templates/new").write_text(""), id="a new target"),
        pytest.param(lambda root: (root / "library/b.py").write_text(""), id="a new module of the library"),
        pytest.param(lambda root: (root / "own").mkdir(), id="a folder of the user's own templates"),
        pytest.param(lambda root: (root / "out/p/compose/compose.yaml").write_text("x"), id="an edit"),
        pytest.param(lambda root: (root / "out/p/compose/compose.yaml").unlink(), id="a missing file"),
        pytest.param(lambda root: (root / "out/p/image/run.sh").chmod(0o644), id="the executable bit"),
        pytest.param(lambda root: (root / "out/p/compose/compose.yaml").chmod(0o755), id="an executable bit too many"),
        pytest.param(lambda root: (root / "out/p" / LOCK_NAME).unlink(), id="no lock"),
        pytest.param(lambda root: (root / "out/p" / LOCK_NAME).write_text("{}"), id="another lock"),
        pytest.param(lambda root: (root / "out/.taskgen-p").mkdir(), id="an interrupted write"),
        pytest.param(lambda root: (root / "out/p").rename(root / "out/q"), id="no tree"),
    ],
)
def test_every_change_is_noticed(project, change):
    """Whatever could make the output another one sends the run the whole way."""
    change(project.root)

    assert project.ask() is None


def as_link(path: Path) -> None:
    """Move something away and put a link to it in its place."""
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


@pytest.mark.parametrize("path", ["compose/compose.yaml", "compose", LOCK_NAME])
def test_a_link_to_the_same_content_is_noticed(project, path):
    """A link in the place of a file or folder of ours is an edit, whatever it leads to."""
    as_link(project.folder / path)

    assert project.ask() is None


def test_a_pipe_does_not_block(project):
    """Something that is no file in the place of an output is noticed without waiting for it."""
    (project.folder / "compose/compose.yaml").unlink()
    os.mkfifo(project.folder / "compose/compose.yaml")

    assert project.ask() is None


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"profile": "q"}, id="another profile"),
        pytest.param({"overrides": ()}, id="no overrides"),
        pytest.param({"overrides": ("tiers.low.scale.max=3",)}, id="another override"),
        pytest.param({"command": "check"}, id="another command"),
    ],
)
def test_another_question_has_no_answer_yet(project, other):
    """What was remembered holds for one command on one profile with the same overrides."""
    assert project.ask(**other) is None


def test_another_version(project, monkeypatch):
    """After an upgrade everything is rendered again."""
    monkeypatch.setattr(fastpath, "__version__", "99")

    assert project.ask() is None


def test_a_prefix_that_nobody_knows(project):
    """An input that this run cannot find means the whole way."""
    sources = Sources(files={}, trees=project.sources().trees)

    assert project.ask(sources=sources) is None


def test_a_fresh_clone_takes_the_whole_way(project, monkeypatch, tmp_path):
    """A lock that came by git is not believed before this machine's code has rendered it once: CI always renders."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))

    assert project.ask() is None


def test_another_lock_is_not_vouched_for(project):
    """Going back to an earlier commit brings a lock that this code may render differently."""
    project.overrides = ()
    lock = project.folder / LOCK_NAME
    lock.write_text(lock.read_text().replace('    "tiers.low.scale.max=2"\n', ""))

    assert project.ask() is None


@pytest.mark.parametrize("break_it", [lambda cache: cache.write_text(""), lambda cache: cache.write_bytes(b"\xff")])
def test_a_broken_cache_is_no_cache(project, break_it):
    """The cache may hold anything: then nothing is remembered."""
    for record in (project.root / "cache").rglob("*"):
        if record.is_file():
            break_it(record)

    assert project.ask() is None


def test_a_cache_that_cannot_be_written_is_no_error(project, monkeypatch):
    """Without a cache every run takes the whole way, and no run fails."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")

    project.render()

    assert project.ask() is None


def test_a_partial_write_is_never_unchanged(project):
    """After one target alone was written, the rest may be outdated."""
    origin = Origin(version=taskgen.__version__, profile="p", overrides=project.overrides)
    write(project.folder, [artifact("compose/compose.yaml", "new")], origin=origin, only={"compose"})
    fastpath.remember(str(project.folder), command="render")

    assert project.ask() is None


def test_a_change_of_the_code_is_noticed(tmp_path):
    """A copy of the generator with one module touched does not vouch for what the module rendered before."""
    code = "from taskgen.fastpath import stamp; print(stamp(b''))"
    package = Path(taskgen.__file__).parent
    (tmp_path / "taskgen" / "output").mkdir(parents=True)
    for path in ["__init__.py", "fastpath.py", "data.py", "output/__init__.py", "output/inputs.py", "output/layout.py"]:
        (tmp_path / "taskgen" / path).write_bytes((package / path).read_bytes())
    (tmp_path / "taskgen" / "plan.py").write_text("replicas = 1\n")

    def stamp() -> str:
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout

    first, again = stamp(), stamp()
    (tmp_path / "taskgen" / "plan.py").write_text("replicas = 2\n")

    assert first == again
    assert stamp() != first


def test_the_place_is_the_same_as_for_writing(tmp_path):
    """The fast path has names of its own for lock and work folder, to save imports."""
    assert fastpath._work(str(tmp_path / "p")) == str(Place.of(tmp_path / "p").work)  # noqa: SLF001
    assert fastpath.LOCK_NAME == LOCK_NAME


def test_nothing_heavy_is_imported():
    """Beyond what the bare interpreter loads there are only our own few modules and the hash."""
    code = "import sys; before = set(sys.modules); import taskgen.fastpath; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [
        "_blake2",
        "taskgen",
        "taskgen.data",
        "taskgen.fastpath",
        "taskgen.output",
        "taskgen.output.inputs",
        "taskgen.output.layout",
    ]


def test_the_lock_is_what_json_says(project):
    """The text that the fast path writes again is the JSON that everybody else reads."""
    document = json.loads((project.folder / LOCK_NAME).read_text())

    assert document["overrides"] == list(project.overrides)
    assert document["inputs"]["profiles/env/prod.yml"] == "absent"
