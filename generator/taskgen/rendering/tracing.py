"""Which template line made a line of an artifact, and which values stand on it.

Jinja compiles a template into a generator that yields its output in pieces, and keeps a map from the lines of that
Python code to the lines of the template. Standing still after each piece, the generator tells where it is.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import GeneratorType
from typing import Any, Final

from jinja2 import nodes

from taskgen.rendering.encoding import COMMENT, format_of
from taskgen.rendering.environment import environment

HEADER_LINES: Final = 2
"""Lines of the note on top, in formats that have comments."""
REACH: Final = 4
"""Lines around the place that Jinja names in which the right one is looked for."""
ROOTS: Final = frozenset({"tier", "plan", "profile", "options"})
"""Names of a template's context whose values can be explained."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one line of an artifact comes from."""

    template: str
    line: int
    text: str
    """the line of the template"""
    values: tuple[str, ...]
    """the expressions over tier, plan, profile and options that stand on it"""
    fits: bool
    """whether this line reads like what was written; else it is only where that came from"""


def trace(roots: Sequence[Path], template: str, context: Mapping[str, Any], line: int) -> Origin | None:
    """Return what made a line of the artifact, or None when it is the note on top or beyond the end.

    Args:
        roots: folders with templates.
        template: the template of the artifact.
        context: what the artifact was rendered with.
        line: line of the artifact, from 1.
    """
    form = format_of(template)
    jinja = environment(tuple(roots), form)
    body = line - (HEADER_LINES if COMMENT.get(form) else 0)
    origins = _lines(jinja, template, context)
    # The leading line breaks that rendering strips are stripped here too.
    found = next((entry for number, entry in enumerate(origins, 1) if number == body), None) if body > 0 else None
    if found is None:
        return None
    name, number, written = found
    name, number, text = _fitting(roots, name, number, written)
    return Origin(name, number, text, tuple(_values(jinja, text)), _fits(text, written))


def _fitting(roots: Sequence[Path], name: str, number: int, written: str) -> tuple[str, int, str]:
    """Return the template line that reads like what was written: near the place, else in a template of macros.

    Jinja knows where a piece of output began, and not where each of its lines did.
    """
    lines = _source(roots, name)
    near = sorted(range(max(1, number - REACH), min(len(lines), number + REACH) + 1), key=lambda n: abs(n - number))
    for candidate in near:
        if _fits(lines[candidate - 1], written):
            return name, candidate, lines[candidate - 1].strip()
    for imported in re.findall(r'{%-? (?:import|include|from) "([^"]+)"', "\n".join(lines)):
        fitting = [(n, line) for n, line in enumerate(_source(roots, imported), 1) if _fits(line, written)]
        if fitting:
            # The one that says most itself; of several alike the first.
            n, line = max(fitting, key=lambda pair: (len(re.sub(r"{[{%].*?[%}]}", "", pair[1]).strip()), -pair[0]))
            return imported, n, line.strip()
    return name, number, lines[number - 1].strip() if 0 < number <= len(lines) else ""


def _fits(line: str, written: str) -> bool:
    """Tell whether a template line could have written this: its text is there, its expressions stand for anything."""
    line = re.sub(r"{%.*?%}", "", line).strip()
    texts = [re.escape(text.strip()) for text in re.split(r"{{.*?}}", line)]
    has_text = any(text for text in texts)
    return has_text and re.fullmatch(r"\s*" + r".*?".join(texts) + r"\s*", written.strip()) is not None


def _source(roots: Sequence[Path], name: str) -> list[str]:
    source = next((root / name for root in roots if (root / name).is_file()), None)
    return source.read_text(encoding="utf-8").splitlines() if source else []


def _lines(  # each line of the output
    jinja: Any,  # noqa: ANN401  # the sandbox
    template: str,
    context: Mapping[str, Any],
) -> Iterator[tuple[str, int, str]]:
    """Yield template, line and text for each line of the output: where its first visible character was written."""
    loaded = jinja.get_template(template)
    generator = loaded.root_render_func(loaded.new_context(dict(context)))
    current: tuple[str, int] | None = None
    text, begun = "", False
    for piece in generator:
        name, number = _place(jinja, generator, template)
        # Text of the template itself moves on line by line; a printed value stays on its line.
        step = 0 if hasattr(piece, "__html__") else 1
        for offset, part in enumerate(str(piece).split("\n")):
            if offset:
                if begun or current is not None:
                    begun = True
                    yield (*(current or (name, number + step * (offset - 1))), text)
                current, text = None, ""
            text += part
            if part.strip() and current is None:
                current = (name, number + step * offset)
    if current is not None:
        yield (*current, text)


def _place(jinja: Any, generator: Any, template: str) -> tuple[str, int]:  # noqa: ANN401  # generators of compiled code
    """Return template and line at which the innermost running generator stands still."""
    innermost, frame = generator, generator.gi_frame
    while frame is not None:
        below = innermost.gi_yieldfrom
        if not isinstance(below, GeneratorType):
            running = [
                value for value in frame.f_locals.values() if isinstance(value, GeneratorType) and value.gi_frame
            ]
            below = running[0] if running else None
        if below is None or below is innermost:
            break
        innermost, frame = below, below.gi_frame
    code = innermost.gi_code
    name = next((key for key in (template, *_cached(jinja)) if code.co_filename.endswith(f"/{key}")), template)
    line = jinja.get_template(name).get_corresponding_lineno(frame.f_lineno if frame is not None else 1)
    return name, line


def _cached(jinja: Any) -> list[str]:  # noqa: ANN401  # sandbox
    return [key[1] for key in jinja.cache] if jinja.cache is not None else []


def _values(jinja: Any, text: str) -> Iterator[str]:  # noqa: ANN401  # sandbox
    """Yield the dotted expressions of one template line."""
    try:
        tree = jinja.parse(_closed(text))
    except Exception:  # noqa: BLE001  # half a block: the line alone is no template
        return
    seen: set[str] = set()
    for node in tree.find_all(nodes.Getattr):
        chain = _chain(node)
        if chain and not any(other.startswith(f"{chain}.") for other in seen):
            seen.add(chain)
            yield chain


def _closed(text: str) -> str:
    """Return a line with its opening block tag closed, so that it can be read alone."""
    for keyword in ("if", "for"):
        if text.startswith(f"{{% {keyword} ") and "{% end" not in text:
            return f"{text}{{% end{keyword} %}}"
    return text


def _chain(node: nodes.Node) -> str | None:
    parts: list[str] = []
    while isinstance(node, nodes.Getattr):
        parts.append(node.attr)
        node = node.node
    if isinstance(node, nodes.Name) and node.name in ROOTS:
        return ".".join([node.name, *reversed(parts)])
    return None
