"""The JSON Schema of profile files, for editors."""

from collections.abc import Mapping
from typing import Any

from taskgen.profile.discovery import as_tuple, profile_model
from taskgen.profile.targets import TargetSpec

_NULL = {"type": "null"}


def json_schema(specs: Mapping[str, TargetSpec]) -> dict[str, Any]:
    """Return the JSON Schema of profiles and fragments with the options of the given targets.

    A file is a part of a profile: nothing is required of it alone, and null removes what another file brings.
    """
    schema = profile_model(as_tuple(specs)).model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_of_files(schema),
        "title": "taskgen profile",
    }


def _of_files(schema: Any) -> Any:  # noqa: ANN401  # JSON
    if isinstance(schema, list):
        return [_of_files(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: _of_files(value) for key, value in schema.items() if key not in {"required", "default"}}
    for key in ("properties", "$defs"):
        if isinstance(schema.get(key), dict):  # names of the profile, not words of JSON Schema
            result[key] = {name: _of_files(value) for name, value in schema[key].items()}
    if isinstance(schema.get("properties"), dict):
        result["properties"] = {name: _nullable(value) for name, value in result["properties"].items()}
    if isinstance(schema.get("additionalProperties"), dict):
        result["additionalProperties"] = _nullable(result["additionalProperties"])
    return result


def _nullable(schema: Any) -> Any:  # noqa: ANN401  # JSON
    if not isinstance(schema, dict) or _NULL in schema.get("anyOf", ()):
        return schema
    described = {key: schema[key] for key in ("description", "title") if key in schema}
    return {**described, "anyOf": [{key: value for key, value in schema.items() if key not in described}, _NULL]}
