"""The Jinja environment: sandboxed, strict, one encoder per format."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import FileSystemLoader, StrictUndefined, pass_eval_context
from jinja2 import TemplateError as JinjaError
from jinja2.nodes import EvalContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from taskgen.errors import TemplateError
from taskgen.rendering import compose, filters, kubernetes
from taskgen.rendering.encoding import Encoder, encoder, format_of

_KEPT_FILTERS: Final = frozenset(
    [
        *("default", "dictsort", "first", "groupby", "indent", "items", "join", "last", "length", "list", "lower"),
        *("map", "max", "min", "reject", "rejectattr", "replace", "select", "selectattr", "sort", "unique", "upper"),
    ]
)
"""Filters of Jinja that cannot mark a value as safe or call into Python; the rest is removed."""


def _at_run_time(encode: Encoder) -> Callable[[EvalContext, Any], Markup]:
    """Keep Jinja from printing constants while it compiles: those it would escape as HTML instead (jinja2 3.1.6)."""

    @pass_eval_context
    def finalize(_: EvalContext, value: Any) -> Markup:  # noqa: ANN401  # any value of a template
        return encode(value)

    return finalize


@cache
def environment(roots: tuple[Path, ...], form: str) -> ImmutableSandboxedEnvironment:
    """Return the environment for templates of one format; earlier roots hide later ones."""
    created = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader([str(root) for root in roots]),
        undefined=StrictUndefined,
        # Markup marks what an encoder has written; `finalize` gives every printed value that mark.
        autoescape=True,
        finalize=_at_run_time(encoder(form)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=["jinja2.ext.do"],
    )
    kept = {name: function for name, function in created.filters.items() if name in _KEPT_FILTERS}
    created.filters = {**kept, **filters.FILTERS, **compose.FILTERS, **kubernetes.FILTERS}
    created.globals = {"range": range, "dict": dict}
    return created


def render_text(roots: Sequence[Path], template: str, context: Mapping[str, Any]) -> str:
    """Render one template.

    Raises:
        TemplateError: the template is missing or wrong, names an unknown value, or prints one that its format
            cannot hold; with the template's name and line where Jinja knows it.
    """
    try:
        return environment(tuple(roots), format_of(template)).get_template(template).render(context)
    except JinjaError as error:
        line = getattr(error, "lineno", None) or _line(error, template)
        raise TemplateError(
            f"templates/{getattr(error, 'name', None) or template}:{line}: {error.message or error}"
        ) from error
    except (TemplateError, TypeError, ValueError, AttributeError, KeyError, ZeroDivisionError) as error:
        raise TemplateError(f"templates/{template}:{_line(error, template)}: {error}") from error


def _line(error: BaseException, template: str) -> int:
    """Return the line of the template in which an error arose: Jinja maps tracebacks back to template lines."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(template):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def holds(roots: Sequence[Path], condition: str, context: Mapping[str, Any], where: str) -> bool:
    """Evaluate a `when` of a target.

    Raises:
        TemplateError: the expression is wrong or names an unknown value.
    """
    try:
        expression = environment(tuple(roots), "text").compile_expression(condition, undefined_to_none=False)
        return bool(expression(**context))
    except (JinjaError, TypeError, AttributeError) as error:
        raise TemplateError(f"{where}: when {condition!r}: {error}") from error
