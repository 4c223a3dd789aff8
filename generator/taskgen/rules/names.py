"""Names that a backend knows, without importing it; a test compares them with the installed one."""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Final

CLOSE: Final = 0.75
"""Likeness from which a name is a slip of the other; below it the hint would mislead (difflib's ratio)."""


@cache
def celery_settings() -> frozenset[str]:
    """Return the settings of celery 5.7.

    They are `flatten(NAMESPACES)` without the deprecated ones, and four that its code reads besides ([Celery 2]).
    """
    return frozenset(files("taskgen.rules").joinpath("celery_settings.txt").read_text(encoding="utf-8").split())


def close_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like one, or None."""
    from difflib import get_close_matches  # only when something is wrong

    return next(iter(get_close_matches(name, sorted(known), n=1, cutoff=CLOSE)), None)
