"""What the tasks of the benchmark do, natively and through the library: the very same functions."""

import time
from pathlib import Path
from typing import Any

DOCUMENT = {"name": "contract.pdf", "pages": [1, 2, 3], "meta": {"language": "en", "size": 48_213}}
"""Argument and result of a round trip: some 90 bytes of JSON."""
LOOK_S = 0.005


def echo(document: dict[str, Any]) -> dict[str, Any]:
    """Give back what was sent."""
    return document


def hold(gate: str) -> None:
    """Occupy a slot, and say so, until the gate opens."""
    place = Path(gate)
    with place.with_suffix(".begun").open("a") as begun:
        begun.write("x")
    while not place.exists():
        time.sleep(LOOK_S)


def stamp(place: str) -> None:
    """Write down the time: the end of a batch, measured where it was worked off."""
    Path(place).write_text(repr(time.time()))


BODIES = (echo, hold, stamp)
