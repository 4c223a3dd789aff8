"""The JSON Schema of a profile, for editors."""

from collections.abc import Mapping
from typing import Any

from taskgen.profile.discovery import as_tuple, profile_model
from taskgen.profile.targets import TargetSpec


def json_schema(specs: Mapping[str, TargetSpec]) -> dict[str, Any]:
    """Return the JSON Schema of a profile with the options of the given targets."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "taskgen profile",
        **{key: value for key, value in profile_model(as_tuple(specs)).model_json_schema().items() if key != "title"},
    }
