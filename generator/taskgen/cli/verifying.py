"""`taskgen verify`."""

import json
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from taskgen.cli.options import (
    AllOption,
    FormatOption,
    ProfileOption,
    ProjectOption,
    SetOption,
    as_format,
    chosen,
    find_project,
)
from taskgen.cli.rendering import EXIT_FINDINGS, tell_findings
from taskgen.cli.screen import paint, progress, say, table, tell
from taskgen.errors import TaskgenError, UsageError
from taskgen.profile.files import Project

if TYPE_CHECKING:
    from taskgen.verifying.base import Result

RequireOption = Annotated[
    str | None,
    typer.Option("--require", metavar="NAMES", help="Verifiers that must have run, by comma, or all; else exit 1."),
]


@dataclass(frozen=True, slots=True)
class Verified:
    """What the consumers said about one profile."""

    profile: str
    results: "tuple[Result, ...]"
    targets: dict[str, str]
    """target of each artifact"""
    unverified: tuple[str, ...]
    """artifacts that no consumer reads"""

    def of(self, outcome: str) -> "list[Result]":
        """Return the results with one outcome."""
        return [result for result in self.results if result.outcome == outcome]


def verify(
    profile: ProfileOption = None,
    every: AllOption = False,
    target: Annotated[str | None, typer.Option("--target", "-t", metavar="TARGET", help="Only this target.")] = None,
    require: RequireOption = None,
    overrides: SetOption = None,
    output: FormatOption = "text",
    project: ProjectOption = None,
) -> None:
    """Ask the tools that consume the rendered files whether they would take them; nothing is written.

    A consumer that is not installed is "not run", never passed; --require makes that a failure.

    Examples:
      taskgen verify --profile prod-celery

      taskgen verify --all --require all

      taskgen verify --profile dev-celery --target compose -o json
    """
    form, where = as_format(output), find_project(project)
    names = chosen(where, profile, every=every)
    required = _required(require)
    done: list[Verified] = []
    good = True
    for name in names:
        try:
            found = _verify_one(where, name, target=target, overrides=overrides or ())
        except TaskgenError as error:
            if len(names) == 1:
                raise
            tell(f"error: {error}")
            found = None
        if found is None:
            good = False
            continue
        done.append(found)
        good = _is_good(found, required) and good
        if form == "text":
            _print(found)
    if form == "json":
        say(json.dumps([_document(found) for found in done], indent=2))
    if not good:
        raise typer.Exit(EXIT_FINDINGS)


def _required(names: str | None) -> frozenset[str]:
    """Return the verifiers that must have run.

    Raises:
        UsageError: one of the names is no verifier.
    """
    from taskgen.verifying.catalogue import VERIFIERS

    wanted = frozenset(name.strip() for name in (names or "").split(",") if name.strip())
    if wanted == {"all"}:
        return frozenset(VERIFIERS) | wanted
    unknown = sorted(wanted - VERIFIERS.keys())
    if unknown:
        raise UsageError(f"--require {unknown[0]}: no such verifier; there are {', '.join(sorted(VERIFIERS))}, or all")
    return wanted


def _verify_one(project: Project, name: str, *, target: str | None, overrides: Sequence[str]) -> Verified | None:
    """Render one profile into a temporary folder and ask; None when its rules stop it."""
    from taskgen import pipeline
    from taskgen.verifying.checking import ask_all, questions, unverified, write_tree

    this = pipeline.checked(name, project=project, overrides=overrides)
    tell_findings(this.findings, name)
    if this.blocked:
        return None
    if target is not None:
        pipeline.rendered(this, project=project, target=target)  # says what is wrong with the name
    artifacts = pipeline.rendered(this, project=project)
    asked_about = [artifact for artifact in artifacts if target in {None, artifact.target}]
    asked = questions(this.plan, this.loaded.specs, asked_about)
    results: list[Result] = []
    with TemporaryDirectory(prefix="taskgen-") as root:
        # As deep as in the project: files of one target name those of another by relative paths.
        folder = Path(root, this.plan.profile.output, name)
        write_tree(folder, artifacts)
        for answers in progress(ask_all(asked, folder), label=f"verifying {name}", total=len(asked)):
            results.extend(answers.results)
    targets = {artifact.path: artifact.target for artifact in asked_about}
    return Verified(name, tuple(results), targets, unverified(asked_about, results))


def _is_good(found: Verified, required: AbstractSet[str]) -> bool:
    """Tell whether nothing failed, and all that must have run did."""
    missing = sorted({result.verifier for result in found.of("not run") if result.verifier in required})
    for name in missing:
        tell(f"error: {found.profile}: {name} is required, but was not run")
    if "all" in required and found.unverified:
        tell(f"error: {found.profile}: {len(found.unverified)} files are read by no verifier")
        return False
    return not missing and not found.of("failed")


def _document(found: Verified) -> dict[str, Any]:
    results = [{"target": found.targets[result.artifact], **asdict(result)} for result in found.results]
    return {"profile": found.profile, "results": results, "unverified": list(found.unverified)}


def _print(found: Verified) -> None:
    """Print one line for each consumer and target, then each failure and each file that nobody reads."""
    rows = [["artifacts", "consumer", "result", ""], *_rows(found)]
    for line in table(rows):
        say(line)
    for result in found.of("failed"):
        first, *more = result.detail.splitlines() or [""]
        say(f"{paint('failed', 'failed')} {result.artifact} ({result.verifier} {result.version}): {first}")
        for line in more:
            say(f"    {line}")
    for path in found.unverified:
        say(f"{paint('unverified', 'warning')} {path}: no verifier reads it")
    counts = [f"{len(found.of(outcome))} {outcome}" for outcome in ("passed", "failed", "not run")]
    say(f"{found.profile}: {', '.join(counts)}{f', {len(found.unverified)} unverified' if found.unverified else ''}")


def _rows(found: Verified) -> Iterable[list[str]]:
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in found.results:
        groups.setdefault((found.targets[result.artifact], result.verifier), []).append(result)
    for (target, verifier), results in sorted(groups.items()):
        counts = [
            f"{number} {outcome}"
            for outcome in ("passed", "failed", "not run")
            if (number := sum(result.outcome == outcome for result in results))
        ]
        reasons = dict.fromkeys(result.detail for result in results if result.outcome == "not run")
        one = len({result.artifact for result in results}) == 1
        artifacts = results[0].artifact if one else f"{target}/ ({len(results)} files)"
        version = next((result.version for result in results if result.version), "")
        yield [artifacts, f"{verifier} {version}".rstrip(), ", ".join(counts), "; ".join(reasons)]
