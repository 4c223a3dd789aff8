"""Plan to artifacts: every file of every target that the profile asks for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final

from taskgen.artifact import Artifact
from taskgen.data import leftover
from taskgen.errors import TemplateError
from taskgen.plan.model import Plan
from taskgen.profile.targets import OutputFile, TargetSpec
from taskgen.rendering.encoding import COMMENT, format_of
from taskgen.rendering.environment import holds, render_text

IGNORED: Final = frozenset({"dist", "build"})
"""Folders that never belong to a copied tree, besides what tools leave behind anywhere."""


def render(
    plan: Plan,
    specs: Mapping[str, TargetSpec],
    *,
    roots: Sequence[Path],
    trees: Mapping[str, Path],
    only: str | None = None,
) -> tuple[Artifact, ...]:
    """Render the artifacts of a plan, sorted by path.

    Args:
        plan: what is rendered.
        specs: the discovered targets by name.
        roots: folders with templates; the project's before the shipped ones.
        trees: folders that targets may copy, by name (`library`).
        only: render this target alone.

    Raises:
        TemplateError: a template or target.yaml is wrong, or two files have one path.
    """
    artifacts: dict[str, Artifact] = {}
    for spec, base in _wanted(plan, specs, roots, only):
        for artifact in (*_files(spec, base, roots), *_copies(spec, trees)):
            if artifact.path in artifacts:
                raise TemplateError(f"templates/{spec.name}/target.yaml: two files are written to {artifact.path}")
            artifacts[artifact.path] = artifact
    return tuple(artifacts[path] for path in sorted(artifacts))


def _wanted(
    plan: Plan, specs: Mapping[str, TargetSpec], roots: Sequence[Path], only: str | None
) -> Iterator[tuple[TargetSpec, dict[str, Any]]]:
    """Yield the targets that the profile asks for, or the only one, with what their templates see."""
    files_of = _embedding(plan, specs, roots)
    for name, spec in sorted(specs.items()):
        options = getattr(plan.profile.targets, name, None)
        if options is not None and only in (None, name):
            base = {"profile": plan.profile, "plan": plan, "options": options, "target": name, "files_of": files_of}
            yield spec, base


def _embedding(
    plan: Plan, specs: Mapping[str, TargetSpec], roots: Sequence[Path]
) -> Callable[[str, str], Mapping[str, str]]:
    """Return the function by which a template takes in files of another target, so that each text has one source."""

    @cache
    def files_of(target: str, folder: str) -> Mapping[str, str]:
        if target not in specs:
            raise TemplateError(f"there is no target {target} whose files could be taken in")
        options = getattr(plan.profile.targets, target, None)
        base = {"profile": plan.profile, "plan": plan, "options": options, "target": target}
        found = _files(specs[target], base, roots)
        return {
            artifact.path.removeprefix(f"{folder}/"): artifact.content.decode()
            for artifact in found
            if artifact.path.rpartition("/")[0] == folder
        }

    return files_of


def _files(spec: TargetSpec, base: Mapping[str, Any], roots: Sequence[Path]) -> Iterator[Artifact]:
    for path, template, context in _planned(spec, base, roots):
        tier = context.get("tier")
        yield Artifact(
            path=path,
            content=finished(render_text(roots, template, context), template, context["plan"]).encode(),
            target=spec.name,
            template=template,
            tier=tier.name if tier is not None else None,
            mode=0o755 if path.endswith(".sh") else 0o644,
        )


def _planned(
    spec: TargetSpec, base: Mapping[str, Any], roots: Sequence[Path]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, template and context of each file of a target."""
    where = f"templates/{spec.name}/target.yaml"
    written: list[str] = []  # for the template that lists the others, which comes last
    base = {**base, "written": written}
    for entry in spec.files:
        own = f"{spec.name}/{entry.template}"
        template = own if any((root / own).is_file() for root in roots) else entry.template
        for context in _contexts(entry, base):
            if entry.when and not holds(roots, entry.when, context, where):
                continue
            path = _path(entry, context, where)
            yield path, template, context
            written.append(path)


def locate(
    plan: Plan, specs: Mapping[str, TargetSpec], path: str, *, roots: Sequence[Path], only: str | None = None
) -> tuple[str, Mapping[str, Any]] | None:
    """Return the template of an artifact and what it is rendered with; None when no template makes it.

    Args:
        plan: what is rendered.
        specs: the discovered targets by name.
        path: of the artifact.
        roots: folders with templates.
        only: look into this target alone.
    """
    for spec, base in _wanted(plan, specs, roots, only):
        for found, template, context in _planned(spec, base, roots):
            if found == path:
                return template, context
    return None


def _contexts(entry: OutputFile, base: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one context per file: the product of the dimensions that the entry names."""
    dimensions = {
        "profile": (base["profile"],),
        "tier": base["plan"].tiers,
        "queue": base["plan"].queues,
        "schedule": base["plan"].schedules,
        "backend": base["plan"].backends,
        "exporter": base["plan"].exporters,
        "priority": base["plan"].priorities,
        "cluster": getattr(base["options"], "clusters", None) or ("default",),
        "region": tuple(sorted(base["profile"].regions)),
    }
    for values in product(*(dimensions[name] for name in entry.for_each)):
        yield {**base, **dict(zip(entry.for_each, values, strict=True))}


def _path(entry: OutputFile, context: Mapping[str, Any], where: str) -> str:
    values: dict[str, str] = {name: getattr(context[name], "name", context[name]) for name in entry.for_each}
    try:
        return str(entry.path.format_map(values))
    except (KeyError, ValueError, IndexError) as error:
        raise TemplateError(f"{where}: path {entry.path!r} names {error}, which is not in for_each") from error


def finished(text: str, template: str, plan: Plan) -> str:
    """Put the note on top that names the profile, and end with exactly one line break."""
    comment = COMMENT.get(format_of(template))
    body = text.strip("\n") + "\n"
    if comment is None:
        return body
    name = plan.profile.name
    return (
        f"{comment} Rendered by taskgen from profile {name}. Do not edit:\n"
        f"{comment} change the profile and run `taskgen render --profile {name}`.\n{body}"
    )


def _copies(spec: TargetSpec, trees: Mapping[str, Path]) -> Iterator[Artifact]:
    for copy in spec.copies:
        root = trees[copy.from_]
        for path in sorted(root.rglob("*")):
            parts = path.relative_to(root).parts
            hidden = any(part in IGNORED or leftover(part) for part in parts)
            if path.is_file() and not hidden:
                relative = path.relative_to(root).as_posix()
                yield Artifact(
                    path=f"{copy.to}/{relative}",
                    content=path.read_bytes(),
                    target=spec.name,
                    template=f"{copy.from_}/{relative}",
                )
