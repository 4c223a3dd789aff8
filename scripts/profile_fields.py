"""Tables of the profile's fields for the documentation, from the models themselves."""

import types
import typing
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from taskgen.profile import scalars
from taskgen.profile.application import Image
from taskgen.profile.backends import Endpoint
from taskgen.profile.base import SecretKey
from taskgen.profile.model import Profile
from taskgen.profile.pod import Pod
from taskgen.profile.scalars import format_duration

_FORMS: Final[Mapping[Any, str]] = {
    scalars.parse_duration: "duration",
    scalars.parse_size: "size",
    scalars.parse_cpu: "CPU",
    scalars.parse_rate: "rate",
    scalars.parse_percent: "percent",
}
_TABLES_OF_THEIR_OWN: Final = ("SecretKey", "SecretName", "Image", "Endpoint", "Pod")
"""Models that stand at several places: described once, in a table of their own."""
MIB: Final = 2**20


def _is_model(annotation: Any) -> bool:  # noqa: ANN401  # any annotation
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def form(annotation: Any, metadata: tuple[Any, ...] = ()) -> str:  # noqa: ANN401, PLR0911  # any annotation; one return for each kind
    """Return how a value of this type is written, in a few words."""
    for entry in metadata:
        found = _FORMS.get(getattr(entry, "func", None))
        if found:
            return found
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return form(arguments[0], (*arguments[1:], *metadata))
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in {types.UnionType, typing.Union}:
        return " or ".join(form(part) for part in arguments if part is not type(None))
    if origin is tuple:
        return f"list of {form(arguments[0])}"
    if origin is dict:
        return f"mapping of {form(arguments[1])}"
    if _is_model(annotation):
        is_secret = annotation.__name__ in _TABLES_OF_THEIR_OWN[:2]
        return f"`{{{', '.join(annotation.model_fields)}}}`" if is_secret else "mapping"
    return {str: "text", int: "integer", float: "number", bool: "`true` or `false`"}.get(annotation, "any")


def _default(info: FieldInfo, shape: str) -> str:  # noqa: PLR0911  # one return for each kind of value
    if info.is_required():
        return "required"
    value = info.default
    if value is None or value in ({}, ()) or isinstance(value, BaseModel):
        return ""
    if isinstance(value, timedelta):
        return f"`{format_duration(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if shape == "size":
        return f"`{value // MIB}Mi`" if value % MIB == 0 else f"`{value // 1024}Ki`"
    if shape == "percent":
        return f"`{value * 100:g}%`"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _below(annotation: Any, path: str) -> Iterator[tuple[type[BaseModel], str]]:  # noqa: ANN401  # any annotation
    """Yield the models inside an annotation, with the path at which they stand."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _below(arguments[0], path)
    elif origin is dict:
        yield from _below(arguments[1], f"{path}.NAME")
    elif origin is tuple or origin in {types.UnionType, typing.Union}:
        for part in arguments:
            yield from _below(part, path)
    elif _is_model(annotation) and annotation.__name__ not in _TABLES_OF_THEIR_OWN:
        yield annotation, path


def _rows(model: type[BaseModel], path: str) -> Iterator[tuple[str, str, str, str]]:
    for name, info in model.model_fields.items():
        here = f"{path}.{name}" if path else name
        shape = form(info.annotation, tuple(info.metadata))
        yield f"`{here}`", shape, _default(info, shape), (info.description or "").strip()
        if model is Profile and name != "dead_letter":
            continue  # the parts of a profile have tables of their own
        for below, at in _below(info.annotation, here):
            yield from _rows(below, at)


def sections() -> Iterator[tuple[str, list[tuple[str, str, str, str]]]]:
    """Yield heading and rows of each part of the profile."""
    yield "The profile", list(_rows(Profile, ""))
    for name, info in Profile.model_fields.items():
        if name in {"dead_letter", "targets"}:
            continue
        rows = [row for model, at in _below(info.annotation, name) for row in _rows(model, at)]
        if name == "families":
            rows = [row for row in rows if row[0].count(".") == 2]  # noqa: PLR2004  # families.NAME.field
        if rows:
            yield name, rows
    shared: tuple[type[BaseModel], ...] = (SecretKey, Image, Endpoint, Pod)
    for model in shared:
        yield model.__name__, list(_rows(model, ""))
