"""What a line `KEY=value` of an environment file can carry: `sh`, Compose and `docker run --env-file` read it alike."""

import unicodedata
from typing import Final

NOT_PRINTED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of characters that are escaped where a format can, and refused where it cannot."""
_EXPANDED: Final = frozenset('"\\$`')
"""What double quotes expand or end at."""


def env_fault(text: str) -> str | None:
    """Return why no form of a value is read alike, None where one is.

    Single quotes carry everything but themselves and a backslash at the end (Compose 5.6.1 takes that for an escape);
    double quotes carry single ones, and nothing that they would expand.
    """
    if any(unicodedata.category(character) in NOT_PRINTED for character in text):
        return "holds a line break or control character, which an environment file cannot carry"
    if ("'" in text or text.endswith("\\")) and set(text) & _EXPANDED:
        return "mixes quotes with $, ` or \\, which shells and Compose read differently: use a secret instead"
    return None
