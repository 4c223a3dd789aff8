"""Words of messages: values as people may see them, lists of choices, and suggestions. Used on the error path only."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Final

LONGEST_SHOWN: Final = 60
"""Characters of a value that a message repeats: enough to recognise it, short enough for one line."""

_SHORTEST_START: Final = 4
"""Letters from which on a word may stand for one that it begins, such as `production` for `prod`."""

_SIMPLE_KEY: Final = re.compile(r"[A-Za-z0-9_\-*?/]+")


def shown(value: object) -> str:
    """Return a value as a message may repeat it: on one line, quoted, shortened, and never a secret."""
    if value is None or isinstance(value, dict | list | tuple):
        return "nothing" if value is None else "a mapping" if isinstance(value, dict) else "a list"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if not isinstance(value, str):
        return _shortened(text)
    from taskgen.profile.literals import secret_in  # the patterns are compiled only when a message is written

    if secret_in(text) is not None:
        return "'***'"
    return repr(_shortened(text))


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def shown_key(key: str) -> str:
    """Return a key as part of a path: in quotes where it holds dots or anything else that a path could not carry."""
    if _SIMPLE_KEY.fullmatch(key):
        return key
    from taskgen.profile.literals import secret_in

    return '"***"' if secret_in(key) is not None else quoted(key)


def quoted(key: str) -> str:
    """Return a key in double quotes, escaped where it cannot be printed."""
    return json.dumps(key, ensure_ascii=not key.isprintable())


def listed(words: Sequence[str], *, last: str = "or") -> str:
    """Join words as a sentence does: `a, b or c`."""
    return " ".join((", ".join(words[:-1]), last, words[-1])) if len(words) > 1 else "".join(words)


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that was probably meant, if one is near enough."""
    import difflib

    by_lower = {choice.lower(): choice for choice in choices}
    wanted = word.lower()[:LONGEST_SHOWN]
    # 0.65: one letter of three may be another one, `uri` for `url`; `cpu` for `tmp` is too far.
    found = difflib.get_close_matches(wanted, by_lower, n=1, cutoff=0.65)
    if not found and len(wanted) >= _SHORTEST_START:
        found = [choice for choice in by_lower if choice.startswith(wanted) or wanted.startswith(choice)][:1]
    return by_lower[found[0]] if found else None


def suggestion(word: str, choices: Iterable[str], *, otherwise: str = "") -> str:
    """Return `, did you mean 'x'?`, or what else helps when nothing is near."""
    near = nearest(word, choices)
    return f", did you mean '{near}'?" if near else otherwise
