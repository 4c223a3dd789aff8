"""What the probes share: reading a settings module as the runtime library would, and answering."""

import json
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

Settings = Mapping[str, Any]
_FOREIGN: Final = ("TASK_", "CELERY_", "TEMPORAL_", "HATCHET_")


def answer(probe: Callable[[Settings], Iterator[str]]) -> None:
    """Run a probe on the settings module that the command line names; variables of this machine decide nothing."""
    for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
        del os.environ[name]
    problems = list(probe(runpy.run_path(sys.argv[1])))
    sys.stdout.write(json.dumps(problems))


def table(settings: Settings, name: str) -> Mapping[str, Any]:
    """Return a mapping of the module, empty when it has none of that name."""
    found = settings.get(name, {})
    return found if isinstance(found, Mapping) else {}


def unknown(keywords: Mapping[str, Any], function: Callable[..., Any], place: str) -> Iterator[str]:
    """Yield the keywords that a function does not take."""
    from inspect import signature

    known = signature(function).parameters
    yield from (f"{place}: {name} is no parameter of {_named(function)}" for name in keywords if name not in known)


def _named(function: Callable[..., Any]) -> str:
    name: str = function.__qualname__
    return name.removesuffix(".__init__")


def mistyped(keywords: Mapping[str, Any], function: Callable[..., Any], place: str) -> Iterator[str]:
    """Yield the values that do not have the type which the function states, and numbers below 1."""
    from typing import get_type_hints

    from pydantic import ConfigDict, TypeAdapter, ValidationError

    hints = get_type_hints(function)
    for name, value in keywords.items():
        if name not in hints:
            continue
        try:
            TypeAdapter(hints[name], config=ConfigDict(arbitrary_types_allowed=True)).validate_python(
                value, strict=True
            )
        except ValidationError as error:
            yield f"{place}: {name} is {value!r}: {error.errors()[0]['msg']}"
            continue
        if isinstance(value, int) and not isinstance(value, bool) and value < 1:
            yield f"{place}: {name} is {value}, at least 1 is needed"
        if isinstance(value, timedelta) and value < timedelta():
            yield f"{place}: {name} is negative"
