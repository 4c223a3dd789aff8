"""`task-backend-worker dead-letter list|show|replay|purge`: what an operator does with dead letters."""

import argparse
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from task_abstraction.config import load_plan, read_setting, redact
from task_abstraction.dead_letters import Choice, DeadLetter, DeadLetterStore
from task_abstraction.errors import ConfigurationError
from task_abstraction.output import say

OK, FAILED = 0, 1
WORD = "dead-letter"
COLUMNS = ("ID", "TASK", "REASON", "ATTEMPTS", "FAILED AT", "ERROR")
# A line of the table stays a line of a terminal; `show` gives the whole text.
ERROR_CHARS = 60
UNITS: Mapping[str, int] = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def age(text: str) -> timedelta:
    """Parse `90s`, `15m`, `12h` or `14d`."""
    if text[-1:] not in UNITS or not text[:-1].isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is no age: write 90s, 15m, 12h or 14d")
    return timedelta(seconds=int(text[:-1]) * UNITS[text[-1]])


def parser() -> argparse.ArgumentParser:
    """The flags of the four commands."""
    made = argparse.ArgumentParser(
        prog=f"task-backend-worker {WORD}",
        description="See, send again or remove what failed for good. Exit code: 0 done, 1 not done, 2 wrong usage.",
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--queue", metavar="Q", required=True, help="the queue of the tasks, not its dead letter")
    shared.add_argument("--backend", metavar="NAME", help="default TASK_BACKEND_TYPE, else the plan's default backend")
    shared.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default text")
    commands = made.add_subparsers(dest="command", required=True, metavar="list|show|replay|purge")
    listing = commands.add_parser("list", parents=[shared], help="one line for each dead letter, the oldest first")
    listing.add_argument("--limit", type=int, metavar="N", help="at most so many")
    showing = commands.add_parser("show", parents=[shared], help="everything about one dead letter, secrets masked")
    showing.add_argument("id", metavar="ID")
    replaying = commands.add_parser("replay", parents=[shared], help="send again under the same task id, and remove")
    replaying.add_argument("--to", metavar="Q", help="send to another queue")
    purging = commands.add_parser("purge", parents=[shared], help="remove for ever")
    purging.add_argument("--older-than", type=age, metavar="AGE", help="with --all: only those that failed before")
    for chooser in (replaying, purging):
        chooser.add_argument("id", metavar="ID", nargs="*")
        chooser.add_argument("--all", action="store_true", help="every dead letter of the queue")
    return made


def _store(flags: argparse.Namespace) -> Any:  # noqa: ANN401 - a TaskBackend; its module is heavy to import here
    from task_abstraction.factory import get_backend

    name = read_setting("backend", flag=flags.backend) or load_plan().default_backend
    return get_backend(name) if name else get_backend()


def _table(letters: Sequence[DeadLetter]) -> str:
    rows: list[tuple[str, ...]] = [COLUMNS]
    for letter in letters:
        error = " ".join(redact(letter.error).split())
        short = error if len(error) <= ERROR_CHARS else error[: ERROR_CHARS - 1] + "…"
        rows.append((letter.id, letter.task or "-", letter.reason, str(letter.attempts), letter.failed_at, short))
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _print_json(value: object) -> None:
    say(json.dumps(value, indent=2, default=str))


def _listed(store: DeadLetterStore, flags: argparse.Namespace) -> int:
    letters = store.read(flags.queue)[: flags.limit]
    if flags.output == "json":
        _print_json([letter.to_public() for letter in letters])
    else:
        say(_table(letters) if letters else f"no dead letters in {flags.queue}")
    return OK


def _shown(store: DeadLetterStore, flags: argparse.Namespace) -> int:
    letter = next((letter for letter in store.read(flags.queue) if letter.id == flags.id), None)
    if letter is None:
        raise ConfigurationError(f"no dead letter '{flags.id}' in {flags.queue}. `list` shows the ids", source="ID")
    if flags.output == "json":
        _print_json(letter.to_public())
    else:
        for name, value in letter.to_public().items():
            say(f"{name}: {value if isinstance(value, str) else json.dumps(value, default=str)}")
    return OK


def _choice(flags: argparse.Namespace) -> Choice:
    older_than: timedelta | None = getattr(flags, "older_than", None)
    if bool(flags.id) == flags.all:
        raise ConfigurationError("say which dead letters: either ids or --all, not both", source="--all")
    if older_than is not None and not flags.all:
        raise ConfigurationError("--older-than chooses among all: use it with --all", source="--older-than")
    if not flags.all:
        return lambda letter: letter.id in flags.id
    if older_than is None:
        return lambda _: True
    before = datetime.now(UTC) - older_than
    return lambda letter: datetime.fromisoformat(letter.failed_at) < before


def _moved(store: DeadLetterStore, flags: argparse.Namespace) -> int:
    choose = _choice(flags)
    replays = flags.command == "replay"
    done = store.replay(flags.queue, choose, to=flags.to) if replays else store.purge(flags.queue, choose)
    ids = [letter.id for letter in done]
    missing = sorted(set(flags.id) - set(ids))
    stuck = [letter.id for letter in store.read(flags.queue) if letter.id not in ids and choose(letter)]
    word = "replayed" if replays else "purged"
    if flags.output == "json":
        _print_json({word: ids, "not_found": [name for name in missing if name not in stuck], "not_sendable": stuck})
    else:
        for name in ids:
            say(f"{word} {name}")
        for name in stuck:
            say(f"not {word} {name}: it is no message that could be sent. `show` prints it, `purge` removes it")
        for name in missing:
            if name not in stuck:
                say(f"not {word} {name}: no such dead letter in {flags.queue}")
        say(f"{len(ids)} {word}")
    return FAILED if missing or stuck else OK


def run(arguments: Sequence[str]) -> int:
    """Do one command and return its exit code.

    Raises:
        ConfigurationError: the flags contradict each other, or the id is unknown.
        UnsupportedFeature: this backend keeps no dead letters.
        BackendUnavailable: the broker cannot be reached.
    """
    flags = parser().parse_args(arguments)
    backend = _store(flags)
    try:
        store: DeadLetterStore = backend.dead_letters()
        if flags.command == "list":
            return _listed(store, flags)
        return _shown(store, flags) if flags.command == "show" else _moved(store, flags)
    finally:
        backend.close()
