"""One redactor for configuration, logs, health output and errors: a secret never leaves the process as text."""

import re
from collections.abc import Mapping, Sequence
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


def _mask_pair(match: re.Match[str]) -> str:
    if not is_secret_name(match.group("name")):
        return match.group(0)
    return f"{match.group('name')}{match.group('sep')}{MASK}"


def redact(text: str) -> str:
    """Mask known secrets, user-info of URLs, and values that follow a secret name."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _USERINFO.sub(rf"\g<scheme>{MASK}@", text)
    return _PAIR.sub(_mask_pair, text)


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
