"""Where the shipped templates, profiles and the runtime library are."""

# ruff: noqa: PTH100, PTH112, PTH120
# (pathlib would cost the fast answer 9 ms)

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

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
