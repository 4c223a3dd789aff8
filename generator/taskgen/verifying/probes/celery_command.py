"""Asks the installed Celery whether its own command line takes the workers' commands of plan.json."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

COMMAND: Final = "worker"


def probe(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what Celery's `worker` does not take, tier by tier; commands of other programs are not asked about."""
    for name, tier in document.get("tiers", {}).items():
        words = list(tier.get("command", ()))
        if "celery" in words:
            yield from (f"tiers.{name}: {problem}" for problem in problems(words[words.index("celery") + 1 :]))


def problems(words: Sequence[str]) -> Iterator[str]:
    """Yield the flags of a command line that do not exist, or do not take what they are given."""
    from importlib import import_module

    # By name: Celery brings click, and neither has types.
    group = import_module("celery.bin.celery").celery
    if COMMAND not in words:
        yield "celery is not asked for a worker"
        return
    at = list(words).index(COMMAND)
    yield from _unknown(words[:at], group, "celery")
    yield from _unknown(words[at + 1 :], group.commands[COMMAND], f"celery {COMMAND}")


def _unknown(words: Sequence[str], command: Any, name: str) -> Iterator[str]:  # noqa: ANN401  # click's Command
    options = {flag: option for option in command.params for flag in (*option.opts, *option.secondary_opts)}
    for word in words:
        flag, given, value = word.partition("=")
        option = options.get(flag)
        if option is None:
            yield f"{name} has no {flag}"
        elif bool(given) is option.is_flag:
            yield f"{name} {flag} takes {'no' if option.is_flag else 'a'} value"
        elif (choices := getattr(option.type, "choices", None)) and value.lower() not in {
            str(choice).lower() for choice in choices
        }:
            yield f"{name} {flag}: {value} is none of {', '.join(map(str, choices))}"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(list(probe(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))))
