"""Loading a profile: files -> merged tree -> expanded families -> checked model, with every position kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from types import MappingProxyType

from pydantic import ValidationError

from taskgen.errors import Position, Problem, ProfileError, UsageError
from taskgen.profile.discovery import as_tuple, discover, profile_model
from taskgen.profile.explaining import Explainer
from taskgen.profile.extending import Chain, Layer, without_extends
from taskgen.profile.families import expand, origin
from taskgen.profile.files import Project, Source, fragments, is_name
from taskgen.profile.merging import is_null, merge, settle
from taskgen.profile.model import Profile
from taskgen.profile.nodes import Keys, Scalar, child, to_data
from taskgen.profile.overrides import parse_override
from taskgen.profile.paths import join
from taskgen.profile.positions import Positions
from taskgen.profile.schema import json_schema
from taskgen.profile.secrets import find_secrets
from taskgen.profile.targets import TargetSpec
from taskgen.profile.wording import shown, suggestion

__all__ = ["Loaded", "Project", "Source", "json_schema", "load", "profile_names"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A profile and where everything in it comes from."""

    profile: Profile
    """instance of the schema with the discovered targets"""
    positions: Positions
    """place of every value"""
    inputs: Mapping[str, bytes]
    """logical name -> content that was read, in merge order"""
    specs: Mapping[str, TargetSpec]
    """the discovered targets"""
    overrides: tuple[str, ...] = ()
    """values of --set, as given"""


def load(name: str, *, project: Project, overrides: Sequence[str] = ()) -> Loaded:
    """Load a profile by its name.

    Args:
        name: file name without suffix, in the project's profiles folder, else among the shipped ones.
        project: where to look.
        overrides: values of `--set`, merged last, in order.

    Raises:
        ProfileError: everything that is wrong with the profile's files and values.
        UsageError: no such profile, or an override that has no meaning.
        TemplateError: a target.yaml that is wrong.
    """
    source = _find(name, project)
    layers = _layers(source, project)
    tree = reduce(merge, (layer.tree if layer.source == source else without_extends(layer.tree) for layer in layers))
    tree = settle_keys(_overridden(tree, overrides))
    specs = discover(project)
    profile, positions = _checked(tree, source, specs)
    inputs = {layer.source.logical: layer.content for layer in layers}
    return Loaded(profile, positions, MappingProxyType(inputs), MappingProxyType(specs), tuple(overrides))


def profile_names(project: Project) -> tuple[Source, ...]:
    """Return the profiles of a project and the shipped ones that it does not replace, by name."""
    found: dict[str, Source] = {}
    for is_shipped in (True, False):
        folder = Source("", is_shipped).folder(project)
        found |= {file.stem: Source(file.stem, is_shipped) for file in folder.glob("*.yaml")}
    return tuple(found[name] for name in sorted(found))


def _find(name: str, project: Project) -> Source:
    if is_name(name) and "/" not in name:
        for source in (Source(name), Source(name, is_shipped=True)):
            if source.exists(project):
                return source
    known = profile_names(project)
    if any(
        item.reference == name for is_shipped in (False, True) for item in fragments(project, is_shipped=is_shipped)
    ):
        raise UsageError(f"--profile {name}: a fragment, not a profile: it has no name of its own, extend it")
    hint = suggestion(name, (item.name for item in known), otherwise=": `taskgen profiles` lists them")
    raise UsageError(f"--profile: no profile {shown(name)}{hint}")


def _layers(source: Source, project: Project) -> list[Layer]:
    chain = Chain(project)
    chain.follow(source)
    if chain.problems:
        raise ProfileError(*chain.problems)
    return chain.layers


def _overridden(tree: Keys, overrides: Sequence[str]) -> Keys:
    root = tree.position
    for text in overrides:
        override = parse_override(text, tree)
        problems = tuple(find_secrets(override))
        if problems:
            raise ProfileError(*problems)
        tree = merge(tree, override)
    return Keys(root, tree.entries)


def settle_keys(tree: Keys) -> Keys:
    """Drop removed keys of a whole profile."""
    settled = settle(tree)
    if not isinstance(settled, Keys):
        raise TypeError("a mapping settles to a mapping")
    return settled


def _checked(tree: Keys, source: Source, specs: Mapping[str, TargetSpec]) -> tuple[Profile, Positions]:
    root, members, problems = expand(Keys(Position(source.logical, 1, 1), tree.entries))
    positions = Positions(root)
    problems += (*_wrong_name(root, source, positions), *_empty_targets(root, positions))
    model = profile_model(as_tuple(specs))
    try:
        profile = model.model_validate(to_data(root))
    except ValidationError as error:
        explainer = Explainer(model, root, positions, partial(origin, root, members))
        problems += explainer.problems(error)
    else:
        if not problems:
            return profile, positions
    raise ProfileError(*problems)


def _wrong_name(root: Keys, source: Source, positions: Positions) -> list[Problem]:
    name = child(root, "name")
    if not isinstance(name, Scalar) or not isinstance(name.value, str) or name.text == source.name:
        return []
    message = f"must be {shown(source.name)}, as the file is named: rename one of them"
    return [Problem(positions.at("name"), join(("name",)), message)]


def _empty_targets(root: Keys, positions: Positions) -> list[Problem]:
    """Refuse `kubernetes:` without a value: for the models it would mean that the target is not rendered."""
    targets = child(root, "targets")
    names = (
        [name for name, entry in targets.entries.items() if is_null(entry.value)] if isinstance(targets, Keys) else []
    )
    message = "nothing is given: write {} to render it with its defaults, or remove the key"
    return [Problem(positions.at(("targets", name)), join(("targets", name)), message) for name in names]
