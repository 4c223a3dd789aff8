"""Finding the targets of a project, and the profile's schema with their options."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pydantic import Field, ValidationError, create_model

from taskgen.errors import Problem, ProfileError, TemplateError
from taskgen.profile.explaining import Explainer
from taskgen.profile.files import Project, decode
from taskgen.profile.model import Profile, TargetOptions, Targets
from taskgen.profile.nodes import Keys, find, to_data
from taskgen.profile.phrases import phrase_for
from taskgen.profile.positions import Positions
from taskgen.profile.reading import parse
from taskgen.profile.targets import TargetSpec

FILE: Final = "target.yaml"


def discover(project: Project) -> dict[str, TargetSpec]:
    """Find the targets of a project, by name; a target.yaml of the project's own replaces the shipped one of its name.

    Raises:
        TemplateError: a target.yaml that cannot be read or is wrong.
    """
    files: dict[str, Path] = {}
    for root in project.template_roots():
        for file in root.glob(f"*/{FILE}"):
            files.setdefault(file.parent.name, file)
    return {name: _parse(name, _content(files[name], name)) for name in sorted(files)}


def _content(file: Path, name: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise TemplateError(f"templates/{name}/{FILE}: cannot be read ({reason}): check the file") from None


# Many profiles are loaded in one process: what their targets share is made once. As many entries as there are targets.
@lru_cache(maxsize=64)
def _parse(name: str, content: bytes) -> TargetSpec:
    logical = f"templates/{name}/{FILE}"
    try:
        tree, problems = parse(decode(content, logical), logical)
    except ProfileError as error:
        raise TemplateError(str(error)) from None
    if problems or not isinstance(tree, Keys):
        raise TemplateError(str(ProfileError(*problems)) if problems else f"{logical}:1:1 must be a mapping of keys")
    positions = Positions(tree)
    try:
        spec = TargetSpec.model_validate(to_data(tree))
    except ValidationError as error:
        raise TemplateError(str(ProfileError(*Explainer(TargetSpec, tree, positions).problems(error)))) from None
    if spec.name != name:
        message = f"must be {name}, as the folder is named: rename one"
        raise TemplateError(str(Problem(positions.at("name"), "name", message)))
    _check_defaults(spec, positions)
    return spec


def _check_defaults(spec: TargetSpec, positions: Positions) -> None:
    """Refuse defaults that the option's own type refuses."""
    try:
        options_model(spec)()
    except ValidationError as error:
        wrong = [item for item in error.errors() if item["type"] != "missing"]
        for item in wrong:
            path = ("options", str(item["loc"][0]), "default")
            node = find(positions.root, path)
            reason = phrase_for(item["type"], item.get("ctx", {}), node).text(node)
            message = f"does not fit the option: {reason}"
            raise TemplateError(str(Problem(positions.at(path), ".".join(path), message))) from None


@lru_cache(maxsize=64)
def options_model(spec: TargetSpec) -> type[TargetOptions]:
    """Return the model of `targets.<name>`: one field for each option."""
    fields: dict[str, Any] = {
        name: (
            option.annotation(),
            Field(
                default=... if option.required else _frozen(option.default),
                description=option.help,
                validate_default=True,
            ),
        )
        for name, option in spec.options.items()
    }
    return create_model(_class_name(spec.name, "Options"), __base__=TargetOptions, __doc__=spec.summary, **fields)


@lru_cache(maxsize=16)
def profile_model(specs: tuple[TargetSpec, ...]) -> type[Profile]:
    """Return the schema of a profile whose `targets` has a field for each discovered target."""
    fields: dict[str, Any] = {
        spec.name: (options_model(spec) | None, Field(default=None, description=spec.summary)) for spec in specs
    }
    targets = create_model("DiscoveredTargets", __base__=Targets, __doc__=Targets.__doc__, **fields)
    description = Profile.model_fields["targets"].description
    return create_model(
        "Profile",
        __base__=Profile,
        __doc__=Profile.__doc__,
        targets=(targets, Field(default=targets(), description=description)),
    )


def as_tuple(specs: Mapping[str, TargetSpec]) -> tuple[TargetSpec, ...]:
    """Return the targets in the order of their names."""
    return tuple(specs[name] for name in sorted(specs))


def _class_name(target: str, suffix: str) -> str:
    return target.title().replace("-", "") + suffix


def _frozen(value: object) -> object:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
