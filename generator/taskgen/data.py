"""Where the shipped templates, profiles and the runtime library are."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_root() -> Path:
    """Folder that holds `templates/`, `profiles/` and `library/`.

    A wheel carries them beside the code in `_data`; an editable install reads them from the checkout, two levels up.
    """
    packaged = _PACKAGE / "_data"
    return packaged if packaged.is_dir() else _PACKAGE.parents[1]
