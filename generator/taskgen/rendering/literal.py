"""Text of another file inside a YAML file, as a block literal that people can read."""

import unicodedata
from typing import Any

from markupsafe import Markup

from taskgen.plan.dotenv import NOT_PRINTED
from taskgen.rendering.encoding import yaml_text


def is_literal(text: str) -> bool:
    """Whether a text is exactly what YAML reads back from a block literal of it.

    A block ends only where the indentation does, so with every line indented nothing in it can end it. What else YAML
    would change is refused here: characters that are not printable or break lines in other ways (tabs among them), a
    first line that is empty or begins with a blank (it would decide the indentation), and any end but one line break.
    """
    body = text.removesuffix("\n")
    return (
        text.endswith("\n")
        and bool(body)
        and body[0] not in " \n"
        and not body.endswith("\n")
        and all(character == "\n" or unicodedata.category(character) not in NOT_PRINTED for character in body)
    )


def yaml_literal(text: Any, indent: int) -> Markup:  # noqa: ANN401  # what a template passes
    """Return a text as a YAML block literal, each line indented; quoted on one line where a literal would change it."""
    value = str(text)
    if not is_literal(value):
        return Markup(yaml_text(value))  # noqa: S704  # encoded
    margin = " " * indent
    lines = [margin + line if line else "" for line in value.removesuffix("\n").split("\n")]
    return Markup("|\n" + "\n".join(lines))  # noqa: S704  # proven by is_literal
