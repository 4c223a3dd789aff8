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
    mark(str(place.with_suffix(".begun")))
    while not place.exists():
        time.sleep(LOOK_S)


def mark(place: str) -> None:
    """Leave a mark: the file's size tells how many tasks have run, its time when the last one did."""
    with Path(place).open("a") as marks:
        marks.write("x")


BODIES = (echo, hold, mark)
