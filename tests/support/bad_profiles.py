"""All broken profiles. They run through `load`, and through the command line."""

from tests.support.bad import applications, extends, files, keys, overrides, secrets, syntax, values
from tests.support.bad_profile import BadProfile

CASES: tuple[BadProfile, ...] = (
    *files.CASES,
    *extends.CASES,
    *syntax.CASES,
    *keys.CASES,
    *values.CASES,
    *overrides.CASES,
    *applications.CASES,
    *secrets.CASES,
)
