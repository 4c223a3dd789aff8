"""The committed output of the shipped profiles is what taskgen renders today."""

from pathlib import Path

from taskgen.profile.loading import Project, profile_names
from tests.support.command import ROOT, taskgen


def test_committed_output_does_not_drift():
    """`taskgen render --all --check` finds nothing to change: a change of a template shows in the diff of out/."""
    done = taskgen("render", "--all", "--check")

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_shipped_profile_is_committed():
    """Each shipped profile has its tree under out/, and there is no other."""
    names = {source.name for source in profile_names(Project(ROOT))}

    assert {path.name for path in Path(ROOT, "out").iterdir() if path.is_dir()} == names
