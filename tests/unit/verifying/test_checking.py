"""Who is asked about which artifact, and what an absent consumer means."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from taskgen.artifact import Artifact
from taskgen.errors import TemplateError
from taskgen.profile.targets import TargetSpec
from taskgen.verifying.base import Result, run_program
from taskgen.verifying.catalogue import VERIFIERS, make
from taskgen.verifying.checking import Asked, ask_all, matches, noted, questions, unverified, write_tree
from tests.support.command import ROOT


def artifact(path: str, mode: int = 0o644) -> Artifact:
    """A file of the target that its folder is named after."""
    return Artifact(path, b"a: 1\n", target=path.partition("/")[0], template="t.j2", mode=mode)


@dataclass(frozen=True)
class Stub:
    """A verifier of our own, whose consumer is there or not."""

    version: str | None
    name: str = "stub"
    remedy: str = "get-it"
    seen: list[str] = field(default_factory=list)

    def available(self) -> str | None:
        """Return the given version."""
        return self.version

    def applies(self, one: Artifact) -> bool:
        """Tell whether it is YAML."""
        return one.path.endswith(".yaml")

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield that each passed."""
        del folder
        for one in artifacts:
            self.seen.append(one.path)
            yield Result(self.name, one.path, "passed", "", str(self.version))


@pytest.mark.parametrize(
    ("path", "glob", "expected"),
    [
        ("a/b.yaml", "**", True),
        ("a/b.yaml", "a/*", True),
        ("a/c/b.yaml", "a/*", False),
        ("a/c/b.yaml", "a/**", True),
        ("a/b.yaml", "a/**/b.yaml", True),
        ("a/c/b.yaml", "a/**/b.yaml", True),
        ("ab.yaml", "a?.yaml", False),
        ("axyaml", "a.yaml", False),
    ],
)
def test_globs(path, glob, expected):
    """`*` stays in its folder, `**` goes through folders, and nothing else is special."""
    assert matches(path, glob) is expected


def test_a_target_names_its_verifiers():
    """Each verifier gets the artifacts of every target that names it, by the glob of that target."""
    specs = {
        "a": TargetSpec(name="a", summary="a", verifiers={"yaml": "a/x/*", "secrets": "**"}),
        "b": TargetSpec(name="b", summary="b", verifiers={"yaml": "**"}),
    }
    found = questions(None, specs, [artifact("a/x/1.yaml"), artifact("a/2.yaml"), artifact("b/3.yaml")])

    assert {one.verifier.name: [part.path for part in one.artifacts] for one in found} == {
        "secrets": ["a/x/1.yaml", "a/2.yaml"],
        "yaml": ["a/x/1.yaml", "b/3.yaml"],
    }


def test_an_unknown_verifier_is_an_error():
    """A name in target.yaml that nobody brings is refused: it would check nothing."""
    with pytest.raises(TemplateError, match=r"templates/a/target.yaml: verifiers names 'yamlint', which nobody brings"):
        make("yamlint", None, target="a")


def test_an_absent_consumer_is_not_run_for_each_file(tmp_path):
    """Each file that the consumer should have read is counted as not run, with the remedy."""
    asked = Asked(Stub(None), (artifact("a/1.yaml"), artifact("a/2.yaml"), artifact("a/3.txt")))
    (answers,) = ask_all([asked], tmp_path)

    assert [(result.artifact, result.outcome) for result in answers.results] == [
        ("a/1.yaml", "not run"),
        ("a/2.yaml", "not run"),
    ]
    assert answers.results[0].detail == "not installed; get it: get-it"


def test_answers_keep_the_order_of_the_questions(tmp_path):
    """Consumers run at the same time, and the table is the same each time."""
    asked = [Asked(Stub("1", name=name), (artifact("a/1.yaml"),)) for name in "zyxwv"]

    assert [str(answers) for answers in ask_all(asked, tmp_path)] == list("zyxwv")


@pytest.mark.parametrize(("version", "expected"), [("5.6.1", "5.6.1"), ("6.0", "6.0 (tested with 5)"), ("", "")])
def test_an_untested_version_is_noted(version, expected):
    """A consumer of another generation is asked too, and the table says that nobody tried it."""
    assert noted(Result("compose", "a", "passed", "", version)) == expected


def test_what_looks_at_any_text_reads_no_file():
    """A file that only the search for secrets and the linter of YAML saw is unverified."""
    files = [artifact("a/1.yaml"), artifact("a/2.yaml")]
    results = [
        Result("yaml", "a/1.yaml", "passed"),
        Result("secrets", "a/1.yaml", "passed"),
        Result("compose", "a/2.yaml", "not run"),
    ]

    assert unverified(files, results) == ("a/1.yaml",)


def test_the_tree_is_written_as_rendered(tmp_path):
    """Folders and modes are those of the output."""
    write_tree(tmp_path, [artifact("a/b/run.sh", 0o755)])

    assert (tmp_path / "a/b/run.sh").read_bytes() == b"a: 1\n"
    assert (tmp_path / "a/b/run.sh").stat().st_mode & 0o777 == 0o755


def test_a_hanging_consumer_has_failed(tmp_path):
    """A consumer that does not answer in time is ended, and says so."""
    done = run_program(["sleep", "5"], cwd=tmp_path, timeout=0.1)

    assert done.code is None
    assert "no answer within" in done.last_lines


def test_the_page_lists_every_verifier():
    """docs/verifying.md has one line for each, in the order of the names."""
    listed = re.findall(r"^\| `([a-z][a-z-]*)` \|", (ROOT / "docs" / "verifying.md").read_text(), re.MULTILINE)

    assert listed == sorted(VERIFIERS)
