"""Rendered settings of prod-temporal for a local server: what `taskgen render --set` would write, minus the files."""

import functools
from collections.abc import Mapping
from pathlib import Path

from taskgen.pipeline import checked, rendered
from taskgen.profile.files import Project

ROOT = Path(__file__).parents[2]


@functools.cache
def settings_files(*overrides: str) -> Mapping[str, bytes]:
    """The files of settings/ by name, rendered without TLS: `render` itself would refuse that in production."""
    project = Project(ROOT)
    given = ("targets.prometheus=null", "backends.temporal.tls=null", *overrides)
    this = checked("prod-temporal", project=project, overrides=given)
    files = rendered(this, project=project, target="settings")
    return {file.path.removeprefix("settings/"): file.content for file in files}


def write_settings(folder: Path, *overrides: str) -> Path:
    """Write the settings into a folder and return it."""
    for name, content in settings_files(*overrides).items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder


def tier_environment(folder: Path, tier: str) -> dict[str, str]:
    """The environment that the rendered settings give to one tier."""
    lines = (folder / "env" / f"{tier}.env").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}
