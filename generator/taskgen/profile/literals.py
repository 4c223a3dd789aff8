"""Literal secrets: what looks like one, in a value or by the name of its key."""

import re
from typing import Final

_PLACEHOLDER: Final = r"\$(?:\{[^}]*\}|\([^)]*\))"
"""`${NAME}` or `$(NAME)`: a reference, not a secret."""

_SENSITIVE: Final = (
    r"passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key"
)

_PATTERNS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (what, re.compile(pattern))
    for what, pattern in (
        ("a private key", r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----"),
        ("a PEM block", r"-----BEGIN [A-Z0-9 ]+-----"),
        # A port and a path may be followed by '@' elsewhere in a URL; a password that is a number before '/' may not.
        (
            "a URL with credentials",
            rf"(?i)[a-z][a-z0-9+.\-]*://[^\s/@:]*:(?!\d{{1,5}}[/?#])(?!{_PLACEHOLDER}@)[^\s@]+@",
        ),
        ("a URL with credentials", rf"(?i)\bhttps?://(?!{_PLACEHOLDER}@)[^\s/@:?#]+@"),
        ("a URL with credentials", r"[\w.\-]+:[^\s:@/]+@(?:tcp|unix)\("),
        ("a command line with credentials", rf"(?i)(?:^|\s)--?(?:[a-z]+-)*(?:{_SENSITIVE})=(?!{_PLACEHOLDER})[^\s]+"),
        (
            "a URL with credentials",
            rf"(?i)(?:[?&;](?:[a-z]+[_-])?(?:{_SENSITIVE}|sig)|\b(?:password|pwd))=(?!{_PLACEHOLDER})[^&;\s\"']+",
        ),
        ("a signed token (JWT)", r"\bey[JA][A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}"),
        ("an AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
        ("a GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
        ("a GitLab token", r"\bglpat-[A-Za-z0-9_\-]{16,}"),
        ("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9\-]{10,}"),
        ("a Slack webhook", r"(?i)\bhooks\.slack\.com/(?:services|workflows|triggers)/\w"),
        ("a Google API key", r"\bAIza[A-Za-z0-9_\-]{30,}"),
        ("a Stripe key", r"\b[rs]k_live_[A-Za-z0-9]{16,}"),
    )
)
# Every pattern holds one of these: most values are looked at once and left.
_HINTS: Final = re.compile(
    r"-----BEGIN|://|@tcp\(|@unix\(|=|ey[JA]|AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|xox|AIza|k_live_|slack\.com/"
)

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NAMED: Final = frozenset(
    {"password", "passwd", "passphrase", "pwd", "secret", "token", "apikey", "credential", "credentials"}
)
_NAMED_ENDINGS: Final = ("password", "passwd", "passphrase", "secretkey", "accesskey", "privatekey")
_NAMED_KEYS: Final = frozenset(
    {"api", "access", "private", "secret", "account", "encryption", "signing", "master", "auth"}
)
_SECRET_OWNERS: Final = frozenset({"client", "api", "app", "shared", "webhook"})
"""`client_secret` is a secret; `tls_secret` is the name of one."""
_HARMLESS_ENDINGS: Final = frozenset(
    [
        "path",
        "file",
        "dir",
        "directory",
        "name",
        "names",
        "url",
        "uri",
        "host",
        "port",
        "ttl",
        "lifetime",
        "timeout",
        "seconds",
        "minutes",
        "hours",
        "days",
        "expiry",
        "expires",
        "expiration",
        "enabled",
        "disabled",
        "required",
        "length",
        "size",
        "min",
        "max",
        "limit",
        "count",
        "header",
        "type",
        "kind",
        "algorithm",
        "policy",
        "ref",
        "id",
        "issuer",
        "audience",
        "prefix",
        "suffix",
        "field",
        "version",
        "format",
        "rotation",
        "interval",
        "bucket",
        "scope",
        "scopes",
        "region",
        "backend",
        "provider",
    ]
)
_HARMLESS_VALUES: Final = frozenset({"", "true", "false", "yes", "no", "on", "off", "null", "none", "0", "1"})
_REFERENCE: Final = re.compile(rf"(?:{_PLACEHOLDER})+")
_FLAG: Final = re.compile(rf"--?(?:[a-z]+-)*(?:{_SENSITIVE})", re.IGNORECASE)


def secret_in(text: str) -> str | None:
    """Say what kind of secret a text contains, None if none is recognised."""
    if not _HINTS.search(text):
        return None
    for what, pattern in _PATTERNS:
        if pattern.search(text):
            return what
    return None


def sensitive_word(name: str, *, anywhere: bool = True) -> str | None:
    """Return the word of a name that says its value is a secret, None for `PASSWORD_FILE` and its like.

    Args:
        name: a key, or the name of an environment variable.
        anywhere: look at all words (`DB_PASSWORD_PROD`), not only at the last ones (`broker_password`).
    """
    words: list[str] = [word.lower() for word in _WORDS.findall(name)]
    if not words or words[-1] in _HARMLESS_ENDINGS:
        return None
    pairs = list(zip(["", *words], words, strict=False))
    for before, word in pairs if anywhere else pairs[-1:]:
        if word in _NAMED and (anywhere or word != "secret" or before in _SECRET_OWNERS):
            return word
        if word.endswith(_NAMED_ENDINGS):  # PGPASSWORD
            return next(ending for ending in _NAMED_ENDINGS if word.endswith(ending))
        if word == "key" and before in _NAMED_KEYS:
            return f"{before} key"
    return None


def is_harmless(text: str) -> bool:
    """Tell whether a value says nothing even under the name of a secret: empty, a switch, or a reference."""
    return text.strip().lower() in _HARMLESS_VALUES or _REFERENCE.fullmatch(text.strip()) is not None


def is_secret_flag(text: str) -> bool:
    """Tell whether a word of a command line announces a secret as the next word: `--password`."""
    return _FLAG.fullmatch(text) is not None
