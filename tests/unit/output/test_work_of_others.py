"""Random sequences of edits and writes: nothing foreign is ever touched, no hand edit is lost unasked."""

import contextlib
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from taskgen.output.drift import compare
from taskgen.output.errors import RefusedError
from taskgen.output.write import write
from tests.support.trees import ORIGIN, artifact, snapshot

# Few names on two levels, so that files and folders, ours and others', meet in the same places all the time.
NAMES = st.sampled_from(["a", "b", "a/a", "a/b", "b/a", "b/b/a"])
CONTENTS = st.sampled_from(["one", "two"])


def fits(paths) -> bool:
    """Whether no path is a folder of another."""
    return not any(other.startswith(path + "/") for path in paths for other in paths)


PLANS = st.dictionaries(NAMES, CONTENTS).filter(fits)


class Tree(RuleBasedStateMachine):
    """A tree in which taskgen and somebody else work in turn; `foreign` is what belongs to somebody else."""

    @initialize()
    def start(self):
        """An empty place."""
        self.base = Path(tempfile.mkdtemp())
        self.folder = self.base / "p"
        self.folder.mkdir()
        self.rendered: dict[str, str] = {}
        self.foreign: dict[str, str] = {}
        self.kept: set[str] = set()

    @rule(path=NAMES, content=CONTENTS)
    def save(self, path, content):
        """Somebody saves a file wherever there is room for it."""
        target = self.folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content + " by hand")
        except OSError:
            return
        if path not in self.rendered:
            self.foreign[path] = content + " by hand"

    @rule(path=NAMES)
    def delete(self, path):
        """Somebody deletes a file."""
        if (self.folder / path).is_file():
            (self.folder / path).unlink()
            self.foreign.pop(path, None)

    @rule(path=NAMES)
    def empty_folder(self, path):
        """Somebody makes an empty folder."""
        with contextlib.suppress(OSError):
            (self.folder / path / "kept").mkdir(parents=True)
            self.kept.add(f"{path}/kept")

    @rule(plan=PLANS, force=st.booleans())
    def render(self, plan, force):
        """Render a plan; it is written, or refused and nothing changed."""
        artifacts = [artifact(path, content) for path, content in plan.items()]
        before = snapshot(self.folder)
        drift = compare(self.folder, artifacts, origin=ORIGIN)
        try:
            written = write(self.folder, artifacts, origin=ORIGIN, force=force)
        except RefusedError:
            assert snapshot(self.folder) == before
            assert drift.foreign or not force
            assert drift.foreign or drift.edited or drift.orphaned
            return
        assert force or not (drift.edited or drift.orphaned)
        assert compare(self.folder, artifacts, origin=ORIGIN).clean
        assert written.saved == ()
        self.foreign.update({path: (self.folder / path).read_text() for path in drift.orphaned})
        for path, content in plan.items():
            self.foreign.pop(path, None)
            assert (self.folder / path).read_text() == content
        self.rendered = plan

    @invariant()
    def foreign_files_are_as_they_were(self):
        """What belongs to somebody else is there, with its content."""
        for path, content in getattr(self, "foreign", {}).items():
            assert (self.folder / path).read_text() == content

    @invariant()
    def empty_folders_are_there(self):
        """An empty folder that somebody made is never cleaned up."""
        for path in getattr(self, "kept", ()):
            assert (self.folder / path).is_dir()

    def teardown(self):
        """Remove the place."""
        if hasattr(self, "base"):
            shutil.rmtree(self.base)


TestTree = Tree.TestCase
TestTree.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)
