"""Options that several commands share, and where the project is."""

from pathlib import Path
from typing import Annotated

import typer

from taskgen.errors import UsageError
from taskgen.profile.files import Project

ProfileOption = Annotated[
    str | None, typer.Option("--profile", "-p", metavar="NAME", help="Profile: its file name without suffix.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Every profile of the project.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Override one value: tiers.high.scale.max=20; repeatable."),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Folder of rendered profiles instead of the project's out/.")
]
ProjectOption = Annotated[
    Path | None,
    typer.Option("--project", metavar="DIR", help="Project root; default: the nearest folder above with profiles/."),
]
FormatOption = Annotated[str, typer.Option("--output", "-o", metavar="FORMAT", help="text or json.")]


def find_project(root: Path | None) -> Project:
    """Return the project of a command: the given folder, or the nearest one above with profiles/, or this one.

    Raises:
        UsageError: the given folder does not exist.
    """
    if root is not None:
        if not root.is_dir():
            raise UsageError(f"--project {root}: no such folder")
        return Project(root.resolve())
    here = Path.cwd()
    return Project(next((folder for folder in (here, *here.parents) if (folder / "profiles").is_dir()), here))


def chosen(project: Project, profile: str | None, *, every: bool) -> list[str]:
    """Return the names of the profiles that a command is about.

    Raises:
        UsageError: neither or both of --profile and --all.
    """
    from taskgen.profile.loading import profile_names  # pydantic is imported only where profiles are read

    if (profile is None) != every:
        raise UsageError("state either --profile NAME or --all; `taskgen profiles` lists the names")
    if profile is not None:
        return [profile]
    found = profile_names(project)
    own = [source.name for source in found if not source.is_shipped]
    return own or [source.name for source in found]


def as_format(value: str) -> str:
    """Return a checked output format.

    Raises:
        UsageError: neither text nor json.
    """
    if value not in ("text", "json"):
        raise UsageError(f"--output {value}: text or json")
    return value
