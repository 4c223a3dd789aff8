"""What keys the schema has where: for suggestions. Read from the models, and only when a message needs it."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel

from taskgen.profile.paths import Parts

ANY: Final = "<name>"
"""Stands for a name that the user chose, or an item of a list, in the path of a key."""

_DEEPEST: Final = 12


def models_at(model: type[BaseModel], path: Parts) -> tuple[type[BaseModel], ...]:
    """Return the models that a mapping at a path may be: several for a union, none for free form."""
    annotations: list[Any] = [model]
    for part in path:
        annotations = [below for annotation in annotations for below in _below(annotation, part)]
    return tuple(annotation for annotation in annotations if _is_model(annotation))


def keys_at(model: type[BaseModel], path: Parts) -> tuple[str, ...]:
    """Return the keys that a mapping at a path may have."""
    return tuple(
        dict.fromkeys(
            field.alias or name for found in models_at(model, path) for name, field in found.model_fields.items()
        )
    )


def description_at(model: type[BaseModel], path: Parts) -> str:
    """Return the description of the field at a path, empty if it has none."""
    for found in models_at(model, path[:-1]):
        field = found.model_fields.get(str(path[-1]))
        if field is not None and field.description:
            return field.description.splitlines()[0]
    return ""


def places_of(model: type[BaseModel], key: str) -> Iterator[Parts]:
    """Yield the paths of the mappings that have a key, names of the user's own as `ANY`."""
    for path, found in _all_models(model, (), _DEEPEST):
        if key in found.model_fields:
            yield path


def _all_models(annotation: Any, path: Parts, depth: int) -> Iterator[tuple[Parts, type[BaseModel]]]:  # noqa: ANN401
    for option in _options(annotation):
        if _is_model(option):
            yield path, option
            if depth > 0:
                for name, field in option.model_fields.items():
                    yield from _all_models(field.annotation, (*path, name), depth - 1)
        elif get_origin(option) is dict:
            yield from _all_models(get_args(option)[1], (*path, ANY), depth - 1)
        elif get_origin(option) is tuple:
            yield from _all_models(get_args(option)[0], (*path, ANY), depth - 1)


def _below(annotation: Any, part: str | int) -> Iterator[Any]:  # noqa: ANN401
    for option in _options(annotation):
        if _is_model(option):
            if part in option.model_fields:
                yield from _options(option.model_fields[str(part)].annotation)
        elif get_origin(option) is (tuple if isinstance(part, int) else dict):
            yield from _options(get_args(option)[0 if isinstance(part, int) else 1])


def _options(annotation: Any) -> Iterator[Any]:  # noqa: ANN401
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _options(get_args(annotation)[0])
    elif origin in {Union, types.UnionType}:
        for option in get_args(annotation):
            yield from _options(option)
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:  # noqa: ANN401
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
