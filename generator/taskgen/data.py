"""Where the shipped templates, profiles and the runtime library are."""

# ruff: noqa: PTH100, PTH112, PTH120
# (pathlib would cost the fast answer 9 ms)

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_LEFTOVERS = frozenset(
    {"__pycache__", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".DS_Store"}
)
_LEFTOVER_ENDINGS = (".pyc", ".pyo", ".egg-info", "~", ".swp", ".swo")
_PACKAGE = os.path.dirname(os.path.abspath(__file__))


def data_path() -> str:
    """Folder that holds `templates/`, `profiles/` and `library/`.

    A wheel carries them beside the code in `_data`; an editable install reads them from the checkout, two levels up.
    """
    packaged = _PACKAGE + "/_data"
    return packaged if os.path.isdir(packaged) else os.path.dirname(os.path.dirname(_PACKAGE))


def data_root() -> "Path":
    """The same folder as a path object."""
    from pathlib import Path

    return Path(data_path())


def leftover(name: str) -> bool:
    """Whether a file or folder of that name is what a tool or an editor left behind.

    Rendering does not copy it and the lock does not count it: one function for both, so that the fast answer never
    overlooks what a render would take.
    """
    return name in _LEFTOVERS or name.endswith(_LEFTOVER_ENDINGS)
