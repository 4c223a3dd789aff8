"""One redactor for configuration, logs, health output and errors: a secret never leaves the process as text."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MASK = "***"
SECRET_WORDS = ("token", "password", "secret", "key", "passwd", "authorization")
# A value under such a name stays visible: it is a place, not a secret.
VISIBLE_ENDINGS = ("_path", "_file", "_ref")
# Each pattern takes time in proportion to the text: an error may carry a payload of megabytes.
_USERINFO = re.compile(r"(?P<scheme>[a-zA-Z0-9+.-]://)[^\s/?#]*@")
# In running text `key` counts only as a part of a name (api_key, key): `keywords` and `monkey` are ordinary words.
_WORD = r"(?:token|password|secret|passwd|authorization|apikey|(?<![a-zA-Z])key(?![a-zA-Z]))"
_NAME = rf"(?<![\w.-])(?=[\w.-]*?{_WORD})(?P<name>[\w.-]++)"
_VALUE = r"""\"[^\"]*\"|'[^']*'|[^\s,;&\"'{}\[\]]+"""
_PAIR = re.compile(rf"{_NAME}(?P<sep>[\"']?\s*[=:]\s*)(?P<value>{_VALUE})", re.IGNORECASE)
# Shorter values would mask ordinary words all over a text.
_MIN_SECRET_CHARS = 4
_known: set[str] = set()


def is_secret_name(name: str) -> bool:
    """Whether a setting of this name holds a secret."""
    lowered = name.lower()
    return any(word in lowered for word in SECRET_WORDS) and not lowered.endswith(VISIBLE_ENDINGS)


def remember_secret(value: str) -> None:
    """Mask this value in every later text, wherever it shows up."""
    if len(value) >= _MIN_SECRET_CHARS:
        _known.add(value)


def remember_secrets_of(settings: Mapping[str, Any]) -> None:
    """Remember the secrets among settings: values under secret names, and passwords inside URLs."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            remember_secrets_of(value)
        elif isinstance(value, str):
            if is_secret_name(name):
                remember_secret(value)
            remember_url_password(value)


def remember_url_password(url: str) -> None:
    """Remember the password of each URL in a text (several are separated by `;`), quoted and unquoted."""
    from urllib.parse import unquote

    for match in _USERINFO.finditer(url):
        _, _, password = match.group(0)[len(match.group("scheme")) : -1].partition(":")
        if password:
            remember_secret(password)
            remember_secret(unquote(password))


def _secret_spans(text: str) -> Iterator[tuple[int, int]]:
    for secret in _known:
        at = text.find(secret)
        while at >= 0:
            yield at, at + len(secret)
            at = text.find(secret, at + len(secret))
    for match in _USERINFO.finditer(text):
        yield match.end("scheme"), match.end() - 1
    for match in _PAIR.finditer(text):
        if is_secret_name(match.group("name")):
            yield match.span("value")


def redact(text: str) -> str:
    """Mask known secrets, user-info of URLs, and values that follow a secret name.

    Each is looked for in the text as it came: a known secret may be a word such as `password`, and one that is masked
    first would hide the name from whose value it has to be told.
    """
    kept: list[str] = []
    end = 0
    for start, stop in sorted(_secret_spans(text)):
        if start > end or not kept:
            kept += [text[end:start], MASK]
        end = max(end, stop)
    return "".join([*kept, text[end:]])


def redact_value(name: str, value: object) -> object:
    """Mask one named value; mappings and sequences are walked."""
    if isinstance(value, Mapping):
        return {str(key): redact_value(str(key), item) for key, item in value.items()}
    if is_secret_name(name) and value not in (None, "", True, False):
        return MASK
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Sequence):
        return [redact_value(name, item) for item in value]
    return value
