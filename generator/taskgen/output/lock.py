"""The lock of one tree: what it was rendered from, and a digest of every file in it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from taskgen.artifact import LOCK_NAME
from taskgen.output.errors import LockError
from taskgen.output.layout import FORMAT, lock_text

_DIGEST = re.compile("[0-9a-f]{64}")
_MODES = {"644": 0o644, "755": 0o755}
_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7}|\|{7})(?: |$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Output:
    """Digest and mode of one written file."""

    digest: str
    mode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a tree is rendered from.

    Args:
        version: version of taskgen.
        profile: name of the profile.
        overrides: the `--set` arguments, in order; whoever calls has refused secrets in them.
        inputs: logical name -> digest of every file and tree that takes part.
    """

    version: str
    profile: str
    overrides: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What `taskgen.lock.json` says."""

    origin: Origin
    outputs: Mapping[str, Output] = field(default_factory=dict)

    def text(self) -> str:
        """The lock as it stands on disk."""
        return lock_text(
            version=self.origin.version,
            profile=self.origin.profile,
            overrides=self.origin.overrides,
            inputs=self.origin.inputs,
            outputs={path: (output.digest, output.mode) for path, output in self.outputs.items()},
        )


def parse_lock(text: str, *, place: str) -> Lock:
    """The lock that a text holds, in any layout of JSON.

    Args:
        text: content of the file.
        place: path of the file, for messages.

    Raises:
        LockError: the text is no lock that this version can read.
    """
    conflict = _CONFLICT.search(text)
    if conflict is not None:
        line = text.count("\n", 0, conflict.start()) + 1
        raise LockError(
            f"{place}:{line}:1: unresolved merge conflict; take the folder of one side "
            f"(`git checkout --ours -- {Path(place).parent}`) and render again"
        )
    try:
        document = json.loads(text, object_pairs_hook=_no_duplicates)
        return _lock(document)
    except json.JSONDecodeError as error:
        raise LockError(f"{place}:{error.lineno}:{error.colno}: not JSON: {error.msg}; {_remedy(place)}") from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise LockError(f"{place}: not a lock of taskgen: {reason}; {_remedy(place)}") from None


def _remedy(place: str) -> str:
    return f"restore it (`git checkout -- {place}`)"


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice, probably from a merge")
    return found


def _lock(document: Any) -> Lock:  # noqa: ANN401  a parsed JSON document
    if not isinstance(document, dict):
        raise TypeError("expected an object")
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']!r}, and this version of taskgen reads {FORMAT}")
    return Lock(
        origin=Origin(
            version=_text(document["taskgen"]),
            profile=_text(document["profile"]),
            overrides=tuple(_text(override) for override in document["overrides"]),
            inputs={name: _text(value) for name, value in document["inputs"].items()},
        ),
        outputs={path: _output(path, entry) for path, entry in document["outputs"].items()},
    )


def _text(value: Any) -> str:  # noqa: ANN401  a parsed JSON value
    if not isinstance(value, str):
        raise TypeError(f"expected text, not {value!r}")
    return value


def _output(path: str, entry: dict[str, str]) -> Output:
    if path == LOCK_NAME or path.startswith("/") or not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise ValueError(f"output {path!r} is outside the tree")
    if not _DIGEST.fullmatch(entry["digest"]) or entry["mode"] not in _MODES:
        raise ValueError(f"output {path!r} has no valid digest and mode")
    return Output(entry["digest"], _MODES[entry["mode"]])
