"""One encoder per format: every value that a template prints passes through the one of its file.

A template therefore cannot forget to quote. A value is a whole scalar or a whole flow collection of its format; text
that belongs together is joined in one expression (`{{ "worker-" ~ tier.name }}`), and a test holds templates to that.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from jinja2 import Undefined
from markupsafe import Markup

from taskgen.errors import TemplateError
from taskgen.plan.dotenv import NOT_PRINTED, env_fault

Encoder = Callable[[Any], Markup]

_YAML_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@+=-]*(:[A-Za-z0-9_./@+=-]+)*")
_YAML_WORDS: Final = frozenset(
    ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf", "undefined"]
)
"""Words that some YAML reader takes for something else than text."""
_BASIC_PLANE: Final = 0xFFFF


def _refuse(value: object, what: str) -> TemplateError:
    return TemplateError(f"a value of type {type(value).__name__} {what}")


def _quoted(text: str) -> str:
    """Return a double-quoted string that JSON and YAML read alike; everything that is not printable is escaped."""
    parts = []
    for character in text:
        if character in '"\\':
            parts.append("\\" + character)
        elif character == "\n":
            parts.append("\\n")
        elif unicodedata.category(character) not in NOT_PRINTED:
            parts.append(character)
        elif ord(character) <= _BASIC_PLANE and unicodedata.category(character) != "Cs":
            parts.append(f"\\u{ord(character):04x}")
        else:
            raise _refuse(text, "holds a character that cannot be written as text: remove it from the profile")
    return f'"{"".join(parts)}"'


def yaml_text(value: Any) -> str:  # noqa: ANN401, PLR0911  # any value of a plan; one return for each kind of value
    """Return a value as one YAML scalar or flow collection.

    Raises:
        TemplateError: the value has no unambiguous form in YAML (a duration, a float that is no number, an object).
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float) and value == value and abs(value) != float("inf"):  # noqa: PLR0124  # not a NaN
        return repr(value)
    if isinstance(value, str):
        plain = _YAML_PLAIN.fullmatch(value) and value.lower() not in _YAML_WORDS
        return str(value) if plain else _quoted(str(value))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{yaml_text(str(key))}: {yaml_text(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(yaml_text(entry) for entry in value) + "]"
    raise _refuse(value, "cannot be written into YAML: use a filter that makes text of it")


def yaml_block(value: Any, indent: int = 0) -> Markup:  # noqa: ANN401  # any value of a plan
    """Return a mapping or list in block style, each line indented, where the template does not know the shape.

    Lists are indented below their key, and lists of scalars stay on one line, as templates write them.
    """
    margin = " " * indent

    def lines(entry: Any) -> list[str]:  # noqa: ANN401  # any nested value
        if isinstance(entry, Mapping) and entry:
            found = []
            for key, below in entry.items():
                if _is_nested(below):
                    found += [f"{yaml_text(str(key))}:", *("  " + line for line in lines(below))]
                else:
                    found.append(f"{yaml_text(str(key))}: {yaml_text(below)}")
            return found
        if isinstance(entry, list | tuple) and _is_nested(entry):
            return [("- " if first else "  ") + line for below in entry for first, line in _first(lines(below))]
        return [yaml_text(entry)]

    return Markup(f"\n{margin}".join(lines(value)))  # noqa: S704  # every leaf went through yaml_text


def _is_nested(value: object) -> bool:
    """Whether a value takes several lines: a mapping that is not empty, or a list of more than scalars."""
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list | tuple) and any(isinstance(entry, Mapping | list | tuple) for entry in value)


def _first(lines: list[str]) -> list[tuple[bool, str]]:
    return [(number == 0, line) for number, line in enumerate(lines)]


def json_text(value: Any) -> str:  # noqa: ANN401  # any value of a plan
    """Return a value as JSON of one line."""
    if isinstance(value, str):
        return _quoted(str(value))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(str(key))}: {json_text(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(json_text(entry) for entry in value) + "]"
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value, allow_nan=False)
    raise _refuse(value, "cannot be written into JSON: use a filter that makes text of it")


def json_document(value: Any, indent: int = 0) -> Markup:  # noqa: ANN401  # any value of a plan
    """Return a mapping as JSON, one key a line; inner collections of scalars stay on one line."""
    margin = " " * indent

    def flat(entry: Any) -> bool:  # noqa: ANN401  # any nested value
        if isinstance(entry, Mapping):
            return not entry
        if isinstance(entry, list | tuple):
            return all(not isinstance(below, Mapping | list | tuple) for below in entry)
        return True

    if flat(value):
        return Markup(json_text(value))  # noqa: S704  # encoded
    if isinstance(value, Mapping):
        rows = [f"{margin}  {_quoted(str(key))}: {json_document(entry, indent + 2)}" for key, entry in value.items()]
        return Markup("{\n" + ",\n".join(rows) + f"\n{margin}}}")  # noqa: S704  # encoded
    rows = [f"{margin}  {json_document(entry, indent + 2)}" for entry in value]
    return Markup("[\n" + ",\n".join(rows) + f"\n{margin}]")  # noqa: S704  # encoded


def python_text(value: Any, indent: int = 0) -> str:  # noqa: ANN401  # any value of a plan
    """Return a value as a Python literal; durations as `timedelta(seconds=...)`, nested mappings one key a line."""
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        return f"timedelta(seconds={int(seconds) if seconds == int(seconds) else seconds!r})"
    if isinstance(value, Mapping) and value:
        margin = " " * (indent + 4)
        rows = [f"{margin}{ascii_literal(str(key))}: {python_text(entry, indent + 4)}," for key, entry in value.items()]
        return "{\n" + "\n".join(rows) + "\n" + " " * indent + "}"
    if isinstance(value, list | tuple):
        inner = ", ".join(python_text(entry, indent) for entry in value)
        return f"({inner}{',' if len(value) == 1 else ''})" if isinstance(value, tuple) else f"[{inner}]"
    if isinstance(value, str):
        return ascii_literal(str(value))
    if value is None or isinstance(value, bool | int | float | Mapping):
        return repr(dict(value)) if isinstance(value, Mapping) else repr(value)
    raise _refuse(value, "cannot be written into Python")


def ascii_literal(text: str) -> str:
    """Return a Python string literal in double quotes and ASCII."""
    inner = ascii(text)[1:-1]
    if ascii(text)[0] == "'":
        inner = inner.replace("\\'", "'").replace('"', '\\"')
    return f'"{inner}"'


_ENV_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")


def env_text(value: Any) -> str:  # noqa: ANN401  # any value of a plan
    """Return the value of a line `KEY=value` that `sh`, `docker run --env-file`-like readers and Compose read alike.

    Raises:
        TemplateError: no form is read alike (line breaks, or a single quote beside what double quotes would expand).
    """
    text = json_text(value) if isinstance(value, bool) else str(value)
    fault = env_fault(text)
    if fault is not None:
        raise _refuse(value, fault)
    if _ENV_PLAIN.fullmatch(text):
        return text
    # Compose takes a backslash before the closing quote for an escape, also between single quotes (v5.6.1).
    if "'" not in text and not text.endswith("\\"):
        return f"'{text}'"
    return f'"{text}"'


_DOCKER_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+,=-]+")


def docker_text(value: Any) -> str:  # noqa: ANN401  # any value of a plan
    """Return a value for a Dockerfile: one plain word, or a JSON array in exec form.

    Raises:
        TemplateError: a word with characters that Docker or a shell would interpret.
    """
    if isinstance(value, list | tuple):
        return json_text([str(entry) for entry in value])
    if isinstance(value, int) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str) and _DOCKER_PLAIN.fullmatch(value):
        return str(value)
    raise _refuse(value, "is not one plain word, as a Dockerfile needs here")


def line_text(value: Any) -> str:  # noqa: ANN401  # any value of a plan
    """Return a value for a plain text file: anything that stays on its line.

    Raises:
        TemplateError: the value holds a line break or control character, or is no scalar.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _refuse(value, "is not text or a number, as a text file needs")
    text = str(value)
    if any(unicodedata.category(character) in NOT_PRINTED for character in text):
        raise _refuse(value, "holds a line break or control character")
    return text


def compose_text(value: Any) -> str:  # noqa: ANN401  # any value of a plan
    """Return a value as YAML in which Compose finds no variable: every `$` of a value is doubled; it reads no keys."""

    def literal(entry: Any) -> Any:  # noqa: ANN401  # any nested value
        if isinstance(entry, str):
            return str(entry).replace("$", "$$")
        if isinstance(entry, Mapping):
            return {key: literal(below) for key, below in entry.items()}
        return [literal(below) for below in entry] if isinstance(entry, list | tuple) else entry

    return yaml_text(literal(value))


_ENCODERS: Final[Mapping[str, Callable[[Any], str]]] = {
    "yaml": yaml_text,
    "compose": compose_text,
    "json": json_text,
    "python": python_text,
    "env": env_text,
    "docker": docker_text,
    "text": line_text,
}
_FORMAT_OF_NAME: Final = {"Dockerfile": "docker", "Dockerfile.dockerignore": "docker", "compose.yaml": "compose"}
_FORMAT_OF_SUFFIX: Final = {
    ".compose.yaml": "compose",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".json": "json",
    ".py": "python",
    ".env": "env",
}


def format_of(template: str) -> str:
    """Return the format of a template by its name without `.j2`."""
    name = template.removesuffix(".j2").rpartition("/")[2]
    if name in _FORMAT_OF_NAME:
        return _FORMAT_OF_NAME[name]
    return next((form for suffix, form in _FORMAT_OF_SUFFIX.items() if name.endswith(suffix)), "text")


def encoder(form: str) -> Encoder:
    """Return what Jinja calls on every printed value of a template of this format."""
    encode = _ENCODERS[form]

    def finalize(value: Any) -> Markup:  # noqa: ANN401  # any value of a template
        if isinstance(value, Markup):
            return value
        if isinstance(value, Undefined):
            return Markup(str(value))  # noqa: S704  # StrictUndefined raises here, with its own message
        return Markup(encode(value))  # noqa: S704  # encoded

    return finalize


COMMENT: Final[Mapping[str, str]] = {"yaml": "#", "compose": "#", "python": "#", "env": "#", "docker": "#", "text": "#"}
"""How each format begins a comment; JSON has none."""
