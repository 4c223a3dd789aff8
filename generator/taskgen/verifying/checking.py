"""All verifiers of a rendered tree: who is asked about which artifact, and what each answered."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from taskgen.artifact import Artifact
from taskgen.plan.model import Plan
from taskgen.profile.targets import TargetSpec
from taskgen.verifying.base import EVERY, Result, Verifier, verify
from taskgen.verifying.catalogue import GENERAL, TESTED, make


@dataclass(frozen=True, slots=True)
class Asked:
    """One verifier, and the artifacts that targets name it for."""

    verifier: Verifier
    artifacts: tuple[Artifact, ...]

    def answers(self, folder: Path) -> "Answers":
        """Ask; an absent consumer is `not run` for each artifact that it should have read."""
        found: list[Result] = []
        for result in verify(self.verifier, folder, self.artifacts):
            if result.artifact == EVERY:
                paths = [artifact.path for artifact in self.artifacts if self.verifier.applies(artifact)]
                found += [replace(result, artifact=path) for path in paths]
            else:
                found.append(replace(result, version=noted(result)))
        return Answers(self.verifier.name, tuple(found))


@dataclass(frozen=True, slots=True)
class Answers:
    """What one verifier said."""

    verifier: str
    results: tuple[Result, ...]

    def __str__(self) -> str:
        return self.verifier


def noted(result: Result) -> str:
    """Return the version of the consumer, with a note when nobody tried that one."""
    tested = TESTED.get(result.verifier, ("",))
    if not result.version or result.version.startswith(tested):
        return result.version
    return f"{result.version} (tested with {' and '.join(start.rstrip('.') for start in tested)})"


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*)", glob)
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts))


def matches(path: str, glob: str) -> bool:
    """Tell whether a path fits a glob: `*` stays in its folder, `**` goes through folders."""
    return _pattern(glob).fullmatch(path) is not None


def questions(plan: Plan, specs: Mapping[str, TargetSpec], artifacts: Sequence[Artifact]) -> tuple[Asked, ...]:
    """Return the verifiers with their artifacts, by name, as the targets of the artifacts name them.

    Raises:
        TemplateError: a target names a verifier that nobody brings.
    """
    chosen: dict[str, list[Artifact]] = {}
    verifiers: dict[str, Verifier] = {}
    for target in sorted({artifact.target for artifact in artifacts}):
        for name, glob in specs[target].verifiers.items():
            verifiers.setdefault(name, make(name, plan, target=target))
            own = [artifact for artifact in artifacts if artifact.target == target and matches(artifact.path, glob)]
            chosen.setdefault(name, []).extend(own)
    return tuple(Asked(verifiers[name], tuple(chosen[name])) for name in sorted(chosen) if chosen[name])


def ask_all(asked: Sequence[Asked], folder: Path) -> Iterator[Answers]:
    """Ask all verifiers, as many at once as there are processors; yield the answers in the order of the questions.

    Args:
        asked: from `questions`.
        folder: holds the whole rendered tree of the profile.
    """
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield from pool.map(lambda one: one.answers(folder), asked)


def unverified(artifacts: Sequence[Artifact], results: Sequence[Result]) -> tuple[str, ...]:
    """Return the paths that no consumer was to read; what looks at any text does not count."""
    covered = {result.artifact for result in results if result.verifier not in GENERAL}
    return tuple(artifact.path for artifact in artifacts if artifact.path not in covered)


def write_tree(folder: Path, artifacts: Sequence[Artifact]) -> None:
    """Write artifacts below a folder that is ours alone."""
    for artifact in artifacts:
        path = folder / artifact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artifact.content)
        path.chmod(artifact.mode)
