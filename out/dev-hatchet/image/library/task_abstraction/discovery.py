"""Importing the application's task modules, which is what registers its tasks."""

import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from task_abstraction.errors import ConfigurationError


def look_in_working_directory() -> None:
    """Let modules of the working directory be found, as `python -m` does and a command does not."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))


def import_tasks(modules: Sequence[str]) -> None:
    """Import the application's task modules from the working directory or the path.

    Raises:
        ConfigurationError: a module cannot be imported; the message gives file and line of the cause.
    """
    look_in_working_directory()
    for name in modules:
        try:
            if name.endswith(".*"):
                _import_package(name.removesuffix(".*"))
            else:
                import_module(name)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{frame.filename}:{frame.lineno}"
            raise ConfigurationError(
                f"task module '{name}' cannot be imported: {place}: {type(error).__name__}: {error}. "
                "Set TASK_MODULES or --app to importable modules",
                source="TASK_MODULES",
            ) from error


def _import_package(name: str) -> None:
    from pkgutil import walk_packages

    package = import_module(name)
    for module in walk_packages(getattr(package, "__path__", ()), f"{name}."):
        import_module(module.name)
