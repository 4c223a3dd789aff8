"""The models as a whole."""

import json
import typing
from functools import cache

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from taskgen.data import data_root
from taskgen.errors import TaskgenError
from taskgen.profile.discovery import discover
from taskgen.profile.files import Project
from taskgen.profile.loading import load
from taskgen.profile.model import Profile
from taskgen.profile.nodes import Items, Keys, Scalar, to_data, walk
from taskgen.profile.reading import parse
from taskgen.profile.schema import json_schema
from taskgen.profile.sources import plain
from tests.support.bad_profile import GOOD
from tests.support.profiles import project

JUNK = st.sampled_from(
    ["5", "-1", "1.5", "x", "'5'", "true", "no", "null", "[]", "[1]", "{}", "{a: 1}", "1m", "''", "1e400", "é"]
)
ROOT = parse(GOOD, "f")[0]
PLACES = [(key, node) for _, key, node in walk(ROOT) if isinstance(node, Scalar | Items | Keys)]


def test_no_field_leaks_the_types_of_the_reader():
    """A plain `bool` refuses `True`, a plain `Any` passes source text on: models use `Boolean` and `Free`."""
    models = {Profile}
    pending = [Profile]
    while pending:
        for field in pending.pop().model_fields.values():
            for option in _leaves(field.annotation):
                if isinstance(option, type) and issubclass(option, BaseModel) and option not in models:
                    models.add(option)
                    pending.append(option)
    plain = [
        f"{model.__name__}.{name}"
        for model in models
        for name, hint in typing.get_type_hints(model, include_extras=True).items()
        if name in model.model_fields and any(leaf in {bool, typing.Any} for leaf in _leaves(hint))
    ]

    assert plain == []


def _leaves(annotation):
    """The types inside an annotation; an Annotated type is one leaf unless it holds models."""
    if typing.get_origin(annotation) is typing.Annotated:
        inner = typing.get_args(annotation)[0]
        return [leaf for leaf in _leaves(inner) if leaf not in {bool, typing.Any}]
    arguments = [leaf for argument in typing.get_args(annotation) for leaf in _leaves(argument)]
    return arguments or [annotation]


@cache
def shipped_schema():
    """The schema with the options of the shipped targets, itself checked once: that takes longer than any file."""
    schema = json_schema(discover(Project(data_root())))
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def test_every_field_is_described():
    """The schema and the messages say what each key means."""
    schema = json_schema({})
    bare = [
        f"{name}.{key}"
        for name, model in schema["$defs"].items()
        for key, field in model.get("properties", {}).items()
        if "description" not in field
    ]

    assert bare == []


def test_schema_is_json():
    """Editors read the schema as JSON."""
    assert json.loads(json.dumps(json_schema({})))["properties"]["tiers"]


@pytest.mark.parametrize(
    "file", [pytest.param(path, id=path.stem) for path in sorted((data_root() / "profiles").rglob("*.yaml"))]
)
def test_schema_accepts_the_shipped_files(file):
    """An editor underlines nothing in the profiles and fragments that come with taskgen."""
    root, _ = parse(file.read_text(), file.name)

    shipped_schema().validate(plain(to_data(root)))


def test_schema_refuses_unknown_keys():
    """An editor underlines a key that does not exist."""
    with pytest.raises(jsonschema.ValidationError, match="concurency"):
        jsonschema.validate({"tiers": {"high": {"concurency": 4}}}, json_schema({}))


@given(st.sampled_from(PLACES), JUNK, st.booleans())
def test_any_change_loads_or_says_why(tmp_path_factory, place, junk, misspell):
    """Whatever stands in place of a key or value, the message names a place and no library."""
    key, node = place
    position = key if misspell else node.position
    lines = GOOD.split("\n")
    line = lines[position.line - 1]
    lines[position.line - 1] = f"{line[: position.column - 1]}{junk} {line[position.column - 1 :] if misspell else ''}"
    text = "\n".join(lines)
    try:
        load("bad", project=project(tmp_path_factory.mktemp("any"), bad=text))
    except TaskgenError as error:
        for message in str(error).split("\n"):
            assert message.startswith("profiles/bad.yaml:")
            assert not [word for word in ("Input should", "pydantic", "Error", "type=", "NoneType") if word in message]
