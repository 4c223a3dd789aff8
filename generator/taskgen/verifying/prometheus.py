"""Prometheus files before promtool: rules, tests of rules, and scrape configurations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from taskgen.artifact import Artifact
from taskgen.verifying.base import Finished, Result, answer, program, run_program
from taskgen.verifying.manifests import UnreadableError, documents
from taskgen.verifying.programs import program_version


@dataclass(frozen=True, slots=True)
class Promtool:
    """Has promtool check rules and configurations, and run the tests of the rules."""

    name: str = "promtool"
    remedy: str = "apt-get install prometheus"

    def available(self) -> str | None:
        """Return the version of promtool."""
        return program_version("promtool")

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the artifact may hold something for Prometheus: YAML of any name."""
        return artifact.path.endswith((".yaml", ".yml"))

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield one result for each file that is for Prometheus; which command reads it follows from its content."""
        version = self.available() or ""
        for artifact in artifacts:
            try:
                found = documents((folder / artifact.path).read_text(encoding="utf-8"))
            except UnreadableError as error:
                yield answer(self.name, artifact.path, [str(error)], version)
                continue
            asked = [done for document in found if (done := _ask(folder / artifact.path, document)) is not None]
            if asked:
                problems = [done.last_lines for done in asked if done.code != 0]
                yield answer(self.name, artifact.path, problems, version)
            elif artifact.target == "prometheus":
                yield answer(self.name, artifact.path, ["neither rules, nor tests, nor a configuration"], version)


def _ask(file: Path, document: Any) -> Finished | None:  # noqa: ANN401  # any YAML document
    """Ask promtool about a document; None when it is not for Prometheus."""
    keys = document.keys() if isinstance(document, dict) else frozenset()
    if "tests" in keys and "rule_files" in keys:
        return _promtool(file.parent, "test", "rules", file.name)
    if "scrape_configs" in keys:
        return _promtool(file.parent, "check", "config", file.name)
    if "groups" in keys:
        return _promtool(file.parent, "check", "rules", file.name)
    if document.get("kind") == "PrometheusRule" if keys else False:
        with TemporaryDirectory(prefix="taskgen-") as scratch:
            Path(scratch, "rules.yaml").write_text(yaml.safe_dump(document.get("spec")), encoding="utf-8")
            return _promtool(Path(scratch), "check", "rules", "rules.yaml")
    return None


def _promtool(folder: Path, *arguments: str) -> Finished:
    return run_program([program("promtool") or "promtool", *arguments], cwd=folder)
