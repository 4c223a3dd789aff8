"""The application of commands, and the one place where errors end."""

import sys
from typing import Annotated, Any, Final

import typer

from taskgen import __version__
from taskgen.cli import explaining, listing, rendering, simulating, verifying
from taskgen.cli.screen import say, tell
from taskgen.errors import TaskgenError

app = typer.Typer(
    name="taskgen",
    help="Deployments of Celery, Temporal and Hatchet workers, derived from a typed profile.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# The base of every wrong usage, without a public name in all versions: typer 0.29 carries its own copy of click.
_USAGE_ERROR: Final[Any] = typer.BadParameter.__mro__[1]


def _version(value: bool) -> None:
    if value:
        say(f"taskgen {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


for command in (
    rendering.render,
    rendering.check,
    explaining.explain,
    verifying.verify,
    simulating.simulate,
    listing.profiles,
    listing.targets,
    listing.rules,
    listing.schema,
):
    app.command()(command)


def run() -> int:  # noqa: PLR0911  # one return for each way to end
    """Run the command of the process's arguments and return its exit code; no error leaves as a traceback."""
    try:
        ended: int | None = app(standalone_mode=False)  # what a command raised as typer.Exit comes back as a number
    except _USAGE_ERROR as error:
        error.show(sys.stderr)
        return 2
    except (typer.Abort, KeyboardInterrupt):
        tell("stopped")
        return 130
    except TaskgenError as error:
        tell(f"error: {error}")
        return error.exit_code
    except BrokenPipeError:
        return 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        tell(f"error: {place}{(error.strerror or str(error)).lower()}")
        return 1
    except Exception as error:  # the outermost function: a defect of taskgen is reported, not dumped
        tell(f"error: internal error ({type(error).__name__}: {error}). Please report it; TASKGEN_DEBUG=1 shows where")
        from os import environ

        if environ.get("TASKGEN_DEBUG"):
            raise
        return 1
    return ended or 0
