"""Small projects with profiles for tests."""

from collections.abc import Sequence
from pathlib import Path

from taskgen.profile.files import Project
from taskgen.profile.loading import Loaded, load
from tests.support.bad_profile import GOOD, TARGET


def project(root: Path, **files: str) -> Project:
    """Write files below `profiles/` (`env__dev` is `env/dev.yaml`) and one target; nothing is shipped."""
    for name, text in files.items():
        path = root / "profiles" / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    target = root / "templates" / "stub" / "target.yaml"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(TARGET)
    (root / "shipped" / "profiles").mkdir(parents=True, exist_ok=True)
    return Project(root, root / "shipped")


def load_text(root: Path, text: str = "", *, overrides: Sequence[str] = (), **files: str) -> Loaded:
    """Load the good profile with more at its end, and fragments beside it."""
    return load("bad", project=project(root, bad=GOOD + text, **files), overrides=overrides)
