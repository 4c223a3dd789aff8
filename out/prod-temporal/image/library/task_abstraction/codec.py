"""Arguments and results as JSON: encoded on submit, rebuilt from the annotations of the task function."""

import base64
import dataclasses
import inspect
import math
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

# ruff: noqa: ANN401 - values of tasks are anything that JSON can say

_TEXT: tuple[type, ...] = (Decimal, UUID, PurePath)
_TIMES = (datetime, date, time)
KEPT = 4096
"""Functions and classes whose annotations are kept."""
_FROM_TEXT: Mapping[type, Callable[[str], object]] = {
    Decimal: Decimal,
    UUID: UUID,
    Path: Path,
    PurePath: PurePath,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    time: time.fromisoformat,
    bytes: base64.b64decode,
}


def encode(value: Any) -> Any:
    """Turn a value into what JSON can hold.

    Raises:
        TypeError: the value has no JSON form that could be rebuilt.
    """
    if isinstance(value, Enum):
        return encode(value.value)
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TypeError(f"{value} is not JSON. Send None, or text")
        return value
    if isinstance(value, Mapping):
        return {_key(key): encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return _encode_object(value)


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"mapping key {key!r} is not a str, and JSON has no other keys")
    return key


def _encode_object(value: Any) -> Any:
    if isinstance(value, _TEXT):
        return str(value)
    if isinstance(value, _TIMES):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "model_dump"):  # pydantic, which is never imported here
        return encode(value.model_dump(mode="json"))
    raise TypeError(
        f"{type(value).__name__} cannot be sent: arguments and results are JSON, dataclasses, pydantic models, "
        "datetime, timedelta, Decimal, UUID, Enum, Path or bytes"
    )


def decode(value: Any, annotation: Any) -> Any:
    """Rebuild a value from JSON as its annotation says; without a helpful annotation it stays JSON."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return decode(value, get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return _decode_union(value, get_args(annotation))
    if origin is not None:
        return _decode_generic(value, origin, get_args(annotation))
    if not isinstance(annotation, type):
        return value
    return _decode_class(value, annotation)


def _decode_union(value: Any, members: Sequence[Any]) -> Any:
    if value is None and type(None) in members:
        return None
    for member in members:
        try:
            decoded = decode(value, member)
        except (TypeError, ValueError, ArithmeticError, AttributeError):
            continue
        plain = get_origin(member) or member
        if not isinstance(plain, type) or isinstance(decoded, plain):
            return decoded
    return value


def _decode_generic(value: Any, origin: Any, members: tuple[Any, ...]) -> Any:
    if not isinstance(origin, type):
        return value
    if isinstance(value, Mapping) and issubclass(origin, Mapping):
        return {key: decode(item, members[-1]) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    if issubclass(origin, tuple):
        if members and members[-1] is Ellipsis:
            return tuple(decode(item, members[0]) for item in value)
        return tuple(decode(item, member) for item, member in zip(value, members, strict=True))
    return [decode(item, members[0]) for item in value] if issubclass(origin, Sequence) else value


def _decode_class(value: Any, annotation: type) -> Any:  # noqa: PLR0911 - one line for each kind of class
    if issubclass(annotation, Enum):
        return annotation(value)
    if annotation is timedelta and isinstance(value, (int, float)):
        return timedelta(seconds=value)
    if annotation in _FROM_TEXT and isinstance(value, str):
        return _FROM_TEXT[annotation](value)
    if annotation is tuple and isinstance(value, list):
        return tuple(value)
    if dataclasses.is_dataclass(annotation) and isinstance(value, Mapping):
        hints = _hints_of(annotation)
        return annotation(**{name: decode(item, hints.get(name, Any)) for name, item in value.items()})
    if hasattr(annotation, "model_validate") and isinstance(value, Mapping):
        return annotation.model_validate(value)
    return value


@lru_cache(maxsize=KEPT)
def _hints_of(annotated: Any) -> Mapping[str, Any]:
    return get_type_hints(annotated, include_extras=True)


@lru_cache(maxsize=KEPT)
def signature_of(fn: Callable[..., Any]) -> inspect.Signature:
    """Signature of a function; reading it costs more than all else that a submit does here."""
    return inspect.signature(fn)


def hints_of(fn: Callable[..., Any]) -> Mapping[str, Any]:
    """Annotations of a function; none where they name something that is not importable."""
    try:
        return _hints_of(inspect.unwrap(fn))
    except (NameError, TypeError, AttributeError):
        return {}


def encode_call(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Build the invocation envelope that travels on every backend: `{"args": [...], "kwargs": {...}}`."""
    return {"args": [encode(arg) for arg in args], "kwargs": {name: encode(value) for name, value in kwargs.items()}}


def decode_call(fn: Callable[..., Any], envelope: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Rebuild the arguments of a task function from its invocation envelope."""
    hints = hints_of(fn)
    args, kwargs = envelope.get("args") or [], envelope.get("kwargs") or {}
    parameters = list(signature_of(fn).parameters.values())
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p for p in parameters if p.kind is p.VAR_POSITIONAL), None)
    extra = next((p for p in parameters if p.kind is p.VAR_KEYWORD), None)
    named = {p.name for p in parameters}
    decoded = tuple(
        decode(value, _hint(hints, positional[index] if index < len(positional) else rest))
        for index, value in enumerate(args)
    )
    keywords = {
        name: decode(value, hints.get(name, Any) if name in named else _hint(hints, extra))
        for name, value in kwargs.items()
    }
    return decoded, keywords


def _hint(hints: Mapping[str, Any], parameter: inspect.Parameter | None) -> Any:
    return Any if parameter is None else hints.get(parameter.name, Any)


def decode_result(fn: Callable[..., Any] | None, value: Any) -> Any:
    """Rebuild a result from the return annotation, where the function is known in this process."""
    return value if fn is None else decode(value, hints_of(fn).get("return", Any))
