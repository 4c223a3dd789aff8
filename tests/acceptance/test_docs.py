"""The documentation does what it says: commands run, profiles load, links lead somewhere, tables follow the code."""

import contextlib
import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from _pytest.mark.structures import ParameterSet

from scripts import document
from task_abstraction.capabilities import EXPORTER_METRICS, WORKER_METRICS
from taskgen.plan.build import make_plan
from taskgen.profile.discovery import discover
from taskgen.profile.files import Project
from taskgen.profile.loading import load, profile_names
from taskgen.rules.catalogue import RULES
from taskgen.verifying.catalogue import VERIFIERS
from tests.support import servers
from tests.support.consumers import program
from tests.support.docs import PAGES, ROOT, Block, Shell, anchors, blocks, files, links, matches, play, shells, write
from tests.support.need import need

LANGUAGES = {"console", "sh", "python", "yaml", "promql", "text", "jinja"}
RUNBOOK = "docs/runbooks/tier.md"
PORTS = {"health": "8081", "exporter": "9808"}


def every_block() -> list[Block]:
    """Fenced blocks of all pages."""
    return [block for page in PAGES for block in blocks(page) if "new shell" not in block.notes]


def by_place(found: list[Block]) -> list[ParameterSet]:
    """Blocks as test parameters."""
    return [pytest.param(block, id=block.place) for block in found]


def in_shells() -> list[ParameterSet]:
    """Every shell of every page; those with a server are marked."""
    found = [shell for page in PAGES for shell in shells(page)]
    unmarked = {"", "checkout"}
    return [
        pytest.param(shell, id=str(shell), marks=[] if shell.server in unmarked else [pytest.mark.server])
        for shell in found
    ]


@contextlib.contextmanager
def surroundings(server: str) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Environment and ports of a shell: the server it names, and free ports for what it starts itself."""
    ports = {number: str(servers.free_port()) for number in PORTS.values()}
    env = {"TASK_HEALTH_PORT": ports[PORTS["health"]], "HOME": os.environ.get("HOME", "/")}
    if server == "redis":
        if program("redis-server") is None:
            need("valkey")
        with servers.redis() as redis:
            yield env, {**ports, "6379": str(redis.server.port)}
    elif server == "temporal":
        need("temporal", "temporalio")
        with servers.temporal() as temporal:
            yield env, {**ports, "7233": str(temporal.server.port)}
    elif server == "hatchet":
        need("hatchet")
        if not servers.hatchet_environment():
            pytest.skip("not run: hatchet: no running engine. To get it: set HATCHET_CLIENT_TOKEN and its companions")
        yield {**env, **servers.hatchet_environment()}, ports
    else:
        yield env, ports


@pytest.mark.parametrize("shell", in_shells())
def test_commands_do_what_the_page_says(shell: Shell, tmp_path: Path) -> None:
    """Typed in order into one shell, each command ends and answers as shown."""
    folder = tmp_path / "shop"
    folder.mkdir()
    with surroundings(shell.server) as (env, ports):
        answers = play(shell, folder, env={**env, "XDG_CACHE_HOME": str(tmp_path / "cache")}, ports=ports)
    for answer in answers:
        shown = f"{answer.step.place}\n$ {answer.step.command}\n{answer.output}"
        assert answer.exit_code == answer.step.exit_code, shown
        if answer.step.expected is not None:
            assert matches(answer.step.expected, answer.output), f"{shown}\n--- the page shows\n{answer.step.expected}"


def test_commands_that_are_not_run_are_listed() -> None:
    """A block may be left out for a reason that is written above it; the closing table shows all of them."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for block in every_block():
        if "not run" in block.notes:
            found[block.notes["not run"]].append(block.place)
    assert all(reason.count(" ") >= 2 for reason in found), f"a reason is a few words: {sorted(found)}"
    if found:
        places = "; ".join(f"{reason} ({', '.join(places)})" for reason, places in sorted(found.items()))
        pytest.skip(f"not run: documented commands: {places}. To get it: type them there")


@pytest.mark.parametrize("block", by_place([block for block in every_block() if "not run" in block.notes]))
def test_commands_that_are_not_run_are_shell(block: Block) -> None:
    """Even what no test can run is read by a shell."""
    read = subprocess.run(["/bin/bash", "-n"], input=block.text, check=False, capture_output=True, text=True)

    assert read.returncode == 0, read.stderr


@pytest.mark.parametrize("block", by_place(every_block()))
def test_blocks_have_a_known_language(block: Block) -> None:
    """A block in a language that no test knows would be a block that no test reads."""
    assert block.language in LANGUAGES


@pytest.mark.parametrize("block", by_place([block for block in every_block() if block.language == "python"]))
def test_python_compiles(block: Block) -> None:
    """Every Python block is Python; those that are not files are also run, with the commands around them."""
    compile(block.text, block.place, "exec")


def profile_blocks() -> list[Block]:
    """YAML blocks that are parts of a profile: those that are no other file and are not marked."""
    found = [block for block in every_block() if block.language == "yaml" and "not loaded" not in block.notes]
    return [block for block in found if (block.file or "profiles/").startswith("profiles/")]


@pytest.mark.parametrize("block", by_place(profile_blocks()))
def test_profile_snippets_load(block: Block, tmp_path: Path) -> None:
    """A profile loads; a part of one loads on top of the profile of the tour and gives a plan."""
    for file in (*files("README.md"), *files(block.page)):
        write(tmp_path, file)
    name = Path(block.file).stem if block.file else "snippet"
    is_whole = re.search(r"^name: ", block.text, re.MULTILINE) is not None
    if not is_whole:
        part = block.file.removeprefix("profiles/").removesuffix(".yaml") if block.file else "part"
        if not block.file:
            (tmp_path / "profiles" / "part.yaml").write_text(block.text)
        (tmp_path / "profiles" / "snippet.yaml").write_text(f"extends: [prod, {part}]\nname: snippet\n")
        name = "snippet"

    loaded = load(name, project=Project(tmp_path))

    assert make_plan(loaded.profile).tiers


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Every link to a file or a heading of the repository resolves."""
    wrong = []
    for target in links(page):
        path, _, anchor = target.partition("#")
        goal = (ROOT / page).parent / path if path else ROOT / page
        if not goal.exists() or (anchor and anchor not in anchors(goal.resolve().relative_to(ROOT).as_posix())):
            wrong.append(target)
    assert wrong == []


def test_generated_tables_follow_the_code() -> None:
    """The tables of the pages are those that the code gives now."""
    stale = sorted(path.relative_to(ROOT).as_posix() for path in document.stale())

    assert stale == [], "run `python -m scripts.document`, and look at the difference"


def test_every_family_of_rules_is_documented() -> None:
    """A rule of a new family does not stay out of the catalogue."""
    text = (ROOT / "docs" / "rules.md").read_text()

    assert {entry.id[0] for entry in RULES} == set(re.findall(r"<!-- generated: rules (\w) -->", text))


def test_every_target_is_documented() -> None:
    """Each target has a page with its files and options."""
    for name in discover(Project(ROOT)):
        text = (ROOT / "docs" / "targets" / f"{name}.md").read_text()

        assert f"generated: options {name} -->" in text
        assert f"generated: output {name} -->" in text


def test_every_verifier_is_documented() -> None:
    """The page of the verifiers names each, and none that does not exist."""
    text = (ROOT / "docs" / "verifying.md").read_text().partition("\n## The verifiers\n")[2].partition("\n## ")[0]

    assert set(re.findall(r"^\| `([a-z\-]+)` \|", text, re.MULTILINE)) == set(VERIFIERS)


def test_every_alert_has_a_section_in_the_runbook() -> None:
    """An alert leads to a heading that exists, and no section is left without an alert."""
    project = Project(ROOT)
    addresses: set[str] = set()
    for source in profile_names(project):
        rules = make_plan(load(source.name, project=project).profile).rules
        addresses |= {alert.runbook for tier in rules.tiers for alert in tier.alerts} | {rules.runbook}
        addresses |= {expiry.runbook for expiry in rules.expiries}
    sections = {address.partition("#")[2] for address in addresses}
    headings = re.findall(r"^## (.+)$", (ROOT / RUNBOOK).read_text(), re.MULTILINE)

    assert {address.partition("#")[0] for address in addresses} == {RUNBOOK}
    assert sections == {heading.lower().replace(" ", "-") for heading in headings}


def queries() -> list[Block]:
    """Blocks in PromQL."""
    return [block for block in every_block() if block.language == "promql"]


@pytest.mark.parametrize("block", by_place(queries()))
def test_queries_name_metrics_that_are_served(block: Block) -> None:
    """A documented query asks for what a worker or the exporter really serves."""
    named = set(re.findall(r"\btask_[a-z_]+", block.text))
    series = {re.sub(r"_(bucket|count|sum)$", "", name) for name in named}

    assert series
    assert series <= {*WORKER_METRICS, *EXPORTER_METRICS}


def test_queries_are_promql(tmp_path: Path) -> None:
    """Prometheus itself can parse every documented query."""
    need("promtool")

    lines = [line for block in queries() for line in block.text.splitlines() if line and not line.startswith("#")]
    rules = [{"record": f"documented:query{number}", "expr": line} for number, line in enumerate(lines)]
    place = tmp_path / "rules.yaml"
    place.write_text(yaml.safe_dump({"groups": [{"name": "documented", "rules": rules}]}))

    checked = subprocess.run(
        [str(program("promtool")), "check", "rules", str(place)], check=False, capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stderr


def test_output_is_compared_with_what_is_shown() -> None:
    """The comparison that the tests above rest on takes `...` for anything, and nothing else."""
    assert matches("a ... c\n...\nd", "a b c\nx\ny\nd")
    assert matches("a\n...", "a\nb\nc")
    assert matches("a\n...\nb", "a\nb")
    assert not matches("a\nb", "a\nc")
    assert not matches("a", "a\nb")
