"""Values of a profile or plan as people write them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from taskgen.profile.scalars import format_duration

MIB = 2**20


def shown(name: str, value: Any) -> str:  # noqa: ANN401, PLR0911  # any value; one return for each kind
    """Return a value with the unit that its name tells: `5m15s`, `896Mi`, `2000m`, `0.995`."""
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    if isinstance(value, int) and ("memory" in name or "storage" in name):
        return f"{value // MIB}Mi" if value % MIB == 0 else f"{value / MIB:.1f}Mi"
    if isinstance(value, int) and "cpu" in name:
        return f"{value}m"
    if isinstance(value, float):
        return f"{value:g}/s" if name in {"rate", "peak"} else f"{value:g}"
    if isinstance(value, BaseModel):
        # What is stated, or the defaults where nothing is.
        fields = sorted(value.model_fields_set) or type(value).model_fields
        value = {key: entry for key in fields if (entry := getattr(value, key)) is not None}
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {shown(str(key), entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(shown(name, getattr(entry, "name", entry)) for entry in value) + "]"
    return str(value)
