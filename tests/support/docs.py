"""The documentation as its readers use it: blocks, the shells that run them, links and anchors."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = tuple(
    path.relative_to(ROOT).as_posix()
    for path in (
        *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
    )
)
TOUR = "README.md"
"""The page whose files every other page continues with."""

_FENCE = re.compile(r"^(`{3,})(\S*)\s*$")
_NOTE = re.compile(r"^<!-- ([a-z][a-z ]*)(?:: (.+?))? -->$")
_FILE = re.compile(r"^# ((?:[\w.\-]+/)+[\w.\-]+\.(?:yaml|yml|py|txt|j2))$")
_MARK = "\x1e"
TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page."""

    page: str
    line: int
    language: str
    text: str
    notes: Mapping[str, str] = field(default_factory=dict)
    """HTML comments directly above, by their first words"""

    @property
    def place(self) -> str:
        """Page and line."""
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that the block is, by the path in its first line."""
        match = _FILE.match(self.text.partition("\n")[0])
        return match[1] if match else None


def read(page: str) -> str:
    """Text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page, and its `new shell` comments as blocks without a language."""
    notes: dict[str, str] = {}
    fence, language, start, body = "", "", 0, list[str]()
    for number, line in enumerate(read(page).splitlines(), 1):
        opened = _FENCE.match(line)
        if fence:
            if line == fence:
                yield Block(page, start, language, "\n".join(body) + "\n", dict(notes))
                fence, notes = "", {}
            else:
                body.append(line)
        elif opened:
            fence, language, start, body = opened[1], opened[2], number, []
        elif note := _NOTE.match(line):
            if note[1] == "new shell":
                yield Block(page, number, "", "", {"new shell": note[2] or ""})
            else:
                notes[note[1]] = note[2] or ""
        elif line.strip():
            notes = {}
    assert not fence, f"{page}:{start}: the block has no end"


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a reader types, and what the page says that it answers."""

    place: str
    command: str
    expected: str | None = None
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Shell:
    """What a reader does in one terminal: the files that are there first, then files and commands in order."""

    page: str
    number: int
    server: str
    """server that must run: redis, temporal, hatchet; `checkout`: the commands run in the repository; or empty"""
    before: tuple[Block, ...]
    blocks: tuple[Block, ...]

    def __str__(self) -> str:
        return f"{self.page}-{self.number}{'-' + self.server if self.server else ''}"

    def steps(self) -> Iterator[Step | Block]:
        """Yield files and commands in the order of the page."""
        for block in self.blocks:
            if "not run" in block.notes:
                continue
            if block.file is not None:
                yield block
            elif block.language in {"console", "sh", "python"}:
                yield from _steps(block)


def _steps(block: Block) -> Iterator[Step]:
    exit_code = int(block.notes.get("exit", "0"))
    if block.language == "python":
        yield Step(block.place, f"python - <<'END_OF_BLOCK'\n{block.text}END_OF_BLOCK", None, exit_code)
    elif block.language == "sh":
        yield Step(block.place, f"set -e\n{block.text}set +e", None, exit_code)
    else:
        found = list(_console(block))
        assert found, f"{block.place}: a console block has a line that begins with `$ `"
        *others, last = found
        yield from others
        yield replace(last, exit_code=exit_code)


def _console(block: Block) -> Iterator[Step]:
    command: list[str] = []
    output: list[str] = []
    for line in [*block.text.splitlines(), "$ "]:
        if command and not output and (line.startswith("> ") or command[-1].endswith("\\")):
            command.append(line.removeprefix("> "))
        elif line.startswith("$ "):
            if command:
                yield Step(block.place, "\n".join(command), "\n".join(output))
            command, output = [line[2:]], []
        else:
            assert command, f"{block.place}: output before the first command"
            output.append(line)


def files(page: str) -> tuple[Block, ...]:
    """Blocks of a page that are files."""
    return tuple(block for block in blocks(page) if block.file is not None and "not run" not in block.notes)


def shells(page: str) -> Iterator[Shell]:
    """Yield the shells of a page that run something."""
    before = () if page == TOUR else files(TOUR)
    server, found, number = "", list[Block](), 1
    for block in [*blocks(page), Block(page, 0, "", "", {"new shell": ""})]:
        if "new shell" not in block.notes:
            found.append(block)
            continue
        shell = Shell(page, number, server, before, tuple(found))
        if any(isinstance(step, Step) for step in shell.steps()):
            yield shell
            number += 1
        before += tuple(step for step in shell.steps() if isinstance(step, Block))
        server, found = block.notes["new shell"], []


def write(folder: Path, block: Block) -> None:
    """Write a block that is a file."""
    assert block.file is not None
    path = folder / block.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a step printed, and how it ended; None: it ended the shell."""

    step: Step
    output: str
    exit_code: int | None


def play(shell: Shell, folder: Path, *, env: Mapping[str, str], ports: Mapping[str, str]) -> Sequence[Answer]:
    """Do in a folder what the page says.

    Args:
        shell: what to do.
        folder: an empty folder; the project.
        env: further environment.
        ports: ports as the page writes them -> those of this machine.
    """
    for block in shell.before:
        write(folder, block)
    script = ["exec 2>&1", "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT"]
    steps: list[Step] = []
    for number, step in enumerate(shell.steps()):
        if isinstance(step, Block):
            # The file appears when the reader gets to it.
            staged = folder.parent / "staged" / str(number)
            write(staged, step)
            script.append(f"cp -r '{staged}/.' '{folder}'")
            continue
        steps.append(step)
        script += [f"printf '{_MARK}\\n'", step.command, f"printf '\\n{_MARK}%s\\n{_MARK}\\n' $?"]
    text = re.sub(r"(?<=[:= ])\d{4}\b", lambda match: ports.get(match[0], match[0]), "\n".join(script))
    printed = _bash(text, ROOT if shell.server == "checkout" else folder, env)
    parts = printed.split(f"{_MARK}\n")[1:]
    return [_answer(step, parts[2 * number] if 2 * number < len(parts) else "") for number, step in enumerate(steps)]


def _answer(step: Step, part: str) -> Answer:
    output, mark, code = part.rpartition(f"\n{_MARK}")
    return Answer(step, output.rstrip("\n"), int(code)) if mark else Answer(step, part.rstrip("\n"), None)


def _bash(script: str, folder: Path, env: Mapping[str, str]) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    process = subprocess.Popen(
        ["/bin/bash", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "NO_COLOR": "1", "COLUMNS": "80", **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        return process.communicate(timeout=TIMEOUT_S)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0]


def matches(expected: str, output: str) -> bool:
    """Whether output is what a page shows; `...` stands for anything, alone on a line for any lines."""
    parts = re.split(r"(?:(?<=\n)|^)\.\.\.(?:\n|$)|\.\.\.", expected.rstrip() + "\n")
    found = "\n".join(line.rstrip() for line in output.splitlines()) + "\n"
    return re.fullmatch(".*?".join(re.escape(part) for part in parts), found, re.DOTALL) is not None


def anchors(page: str) -> set[str]:
    """Anchors of the headings of a page, as the usual forges make them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        number = 0
        while (name := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(name)
    return found


def prose(page: str) -> str:
    """Text of a page without its blocks."""
    return re.sub(r"^(`{3,}).*?^\1$", "", read(page), flags=re.MULTILINE | re.DOTALL)


def links(page: str) -> list[str]:
    """Targets of the links of a page that lead to files of the repository."""
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target for target in found if "://" not in target]
