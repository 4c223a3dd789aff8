"""One mistake that a consumer must refuse."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A good file, and one change that breaks it."""

    verifier: str
    path: str
    good: str
    old: str
    new: str
    expected: str
    """part of what the consumer says"""
    consumer: str | None = None
    """name for `need`"""
    beside: Mapping[str, str] | None = None
    """other files of the tree"""
