"""What a `target.yaml` states about a target: options, limits, files, verifiers."""

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from taskgen.profile.base import Boolean, Free, KeyedError, Matching, Model, Name, RelativePath, Text
from taskgen.profile.scalars import Cpu, Duration, Size


def _is_free(value: str) -> str:
    if hasattr(Model, value) or value.startswith("model_"):
        raise ValueError(f"{value} has a meaning in Python models: choose another name")
    return value


OptionName = Annotated[
    str,
    Matching(r"[a-z][a-z0-9_]*", "the name of an option: lower-case letters, digits and _", 40),
    AfterValidator(_is_free),
]
"""A name that can be a field of a model."""
Dimension = Literal["profile", "tier", "queue", "schedule", "backend", "exporter", "priority", "cluster", "region"]
FilePath = Annotated[str, Matching(r"([A-Za-z0-9_.\-{}]+/)*[A-Za-z0-9_.\-{}]+", "a path below the output folder")]
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _globs(value: object) -> object:
    """Accept `[kubernetes, yaml]` for verifiers of every file."""
    return {str(name): "**" for name in value} if isinstance(value, tuple) else value


class Option(Model):
    """One option of a target: it becomes a field of `targets.<name>` in the profile."""

    type: Literal["string", "integer", "boolean", "duration", "size", "cpu", "list", "mapping", "choice"]
    """type of the value"""
    default: Free = None
    """value when the profile does not state the option"""
    required: Boolean = False
    """the profile must state it"""
    choices: tuple[Text, ...] = ()
    """allowed values of a choice, or of the items of a list"""
    pattern: Text | None = None
    """regular expression that a string must match as a whole"""
    minimum: int | None = None
    """smallest integer"""
    maximum: int | None = None
    """largest integer"""
    help: Text
    """what it means, in one line"""

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        if self.type == "choice" and not self.choices:
            raise KeyedError("choices", "a choice needs values to choose from: add choices")
        if self.choices and self.type not in {"choice", "list"}:
            raise KeyedError("choices", f"a {self.type} takes no choices: remove them")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise KeyedError("pattern", f"not a regular expression ({error.msg}): correct it") from None
        return self

    def annotation(self) -> Any:  # noqa: ANN401  # an annotation for pydantic
        """Return the type of the profile's field."""
        choice: Any = Literal[self.choices] if self.choices else Text
        kinds: dict[str, Any] = {
            "string": Annotated[Text, Matching(self.pattern, f"allowed: {self.help}")] if self.pattern else Text,
            "integer": Annotated[int, Field(ge=self.minimum, le=self.maximum)],
            "boolean": Boolean,
            "duration": Duration,
            "size": Size,
            "cpu": Cpu,
            "list": tuple[choice, ...],
            "mapping": dict[str, Free],
            "choice": choice,
        }
        return kinds[self.type] | None if self.default is None and not self.required else kinds[self.type]


class Limits(Model):
    """What the platform of a target allows."""

    grace: Duration | None = None
    """longest time between the request to stop and the kill; null: no limit"""


class OutputFile(Model):
    """One template and the files that are made of it."""

    template: RelativePath
    """template, in the folder of the target"""
    path: FilePath
    """output path, with a placeholder such as {tier} for each dimension"""
    for_each: Annotated[tuple[Dimension, ...], BeforeValidator(_one_or_more)] = ()
    """dimensions: one file for each tier, cluster, ..."""
    when: Text | None = None
    """expression over profile, plan and dimensions: the file exists only when it is true"""

    @model_validator(mode="after")
    def _placeholders_are_dimensions(self) -> Self:
        named = set(_PLACEHOLDER.findall(self.path))
        unknown = sorted(named - set(self.for_each))
        missing = sorted(set(self.for_each) - named - {"profile"})
        if unknown:
            raise KeyedError("path", f"{{{unknown[0]}}} is not a dimension of for_each: add it there")
        if missing:
            raise KeyedError("path", f"must hold {{{missing[0]}}}: files of several would overwrite each other")
        if ".." in self.path.split("/"):
            raise KeyedError("path", "leads out of the output folder: remove '..'")
        return self


class Copy(Model):
    """A tree that is copied as it is."""

    from_: Annotated[RelativePath, Field(alias="from")]
    """folder of the shipped data"""
    to: FilePath
    """folder in the output"""


class TargetSpec(Model):
    """What `target.yaml` states about a target."""

    name: OptionName
    """name of the target: its folder"""
    summary: Text
    """one line about it"""
    options: dict[OptionName, Option] = {}
    """options in the profile"""
    limits: Limits = Limits()
    """limits of the platform"""
    files: tuple[OutputFile, ...] = ()
    """files that it renders"""
    copies: tuple[Copy, ...] = ()
    """trees that it copies"""
    verifiers: Annotated[dict[Name, Text], BeforeValidator(_globs)] = {}
    """verifier -> glob of the files that it checks; a list of names stands for all files"""

    def __hash__(self) -> int:
        return hash(self.name)  # the defaults of options may be lists
