"""Rendered Kubernetes manifests for tests, as files and as objects."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from taskgen.artifact import Artifact
from taskgen.plan.build import make_plan
from taskgen.plan.model import Plan
from taskgen.profile.files import Project
from taskgen.profile.loading import Loaded, load
from taskgen.profile.model import Profile
from taskgen.rendering.render import render

ROOT = Path(__file__).parents[2]
PROJECT = Project(ROOT)
ON_KUBERNETES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml") if not path.stem.startswith("dev-"))


@cache
def loaded(profile: str, *sets: str) -> Loaded:
    """A shipped profile with overrides."""
    return load(profile, project=PROJECT, overrides=sets)


def artifacts_of(profile: Profile, base: Loaded) -> tuple[Artifact, ...]:
    """The manifests of a profile that was loaded, or made of one that was."""
    plan = make_plan(profile)
    return render(
        plan, base.specs, roots=PROJECT.template_roots(), trees={"library": ROOT / "library"}, only="kubernetes"
    )


@cache
def artifacts(profile: str, *sets: str) -> tuple[Artifact, ...]:
    """The manifests of a shipped profile with overrides."""
    base = loaded(profile, *sets)
    return artifacts_of(base.profile, base)


@cache
def plan_of(profile: str, *sets: str) -> Plan:
    """The plan of a shipped profile with overrides."""
    return make_plan(loaded(profile, *sets).profile)


def objects_in(files: Sequence[Artifact]) -> dict[str, Any]:
    """The objects of the first cluster by `Kind/name`; those without a name by their kind."""
    folder = min(file.path.rpartition("/")[0] for file in files)
    found = {}
    for file in files:
        if file.path.startswith(f"{folder}/"):
            data = yaml.load(file.content, yaml.CSafeLoader)
            name = data.get("metadata", {}).get("name")
            found[f"{data['kind']}/{name}" if name else data["kind"]] = data
    return found


def objects(profile: str, *sets: str) -> dict[str, Any]:
    """The objects of a shipped profile with overrides, by `Kind/name`."""
    return objects_in(artifacts(profile, *sets))


def of_kind(found: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The objects of one kind, by name."""
    return {key.partition("/")[2]: value for key, value in found.items() if key.partition("/")[0] == kind}


def pod(data: Mapping[str, Any]) -> dict[str, Any]:
    """The pod of a workload."""
    return data["spec"]["template"]["spec"]


def main(data: Mapping[str, Any]) -> dict[str, Any]:
    """The first container of a workload."""
    return pod(data)["containers"][0]


def env(data: Mapping[str, Any]) -> dict[str, Any]:
    """The environment of a workload's first container: plain values, and references as they stand."""
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in main(data)["env"]}
