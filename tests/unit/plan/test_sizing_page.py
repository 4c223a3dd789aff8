"""The worked example of docs/sizing.md: each line is recomputed, and compared with what the plan says."""

import math
import re
from decimal import Decimal

import pytest

from taskgen import pipeline
from taskgen.profile.files import Project
from tests.support.docs import ROOT, TOUR, blocks

PAGE = "docs/sizing.md"
LINE = re.compile(r"(\w+) = (?:(.*) = )?(-?[\d.]+)")
FUNCTIONS = {"ln": math.log, "exp": math.exp, "ceil": math.ceil, "floor": math.floor, "max": max}
IN_MIB = 2**20


def lines():
    """Name, expression and printed value of each line of arithmetic."""
    for block in blocks(PAGE):
        if block.language == "text":
            for line in block.text.splitlines():
                name, expression, printed = LINE.fullmatch(line).groups()
                yield name, expression or printed, printed


def values():
    """Every name of the page with its exact value, in the order of the page."""
    found = {}
    for name, expression, _ in lines():
        found[name] = eval(expression, {"__builtins__": {}, **FUNCTIONS}, found)  # noqa: S307 - our own page
    return found


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """The plan of the tour's profile."""
    root = tmp_path_factory.mktemp("tour")
    for block in blocks(TOUR):
        if block.file and block.file.startswith("profiles/"):
            (root / block.file).parent.mkdir(exist_ok=True)
            (root / block.file).write_text(block.text)
    return pipeline.checked("prod", project=Project(root)).plan


@pytest.mark.parametrize(("name", "expression", "printed"), list(lines()))
def test_arithmetic(name, expression, printed):
    """The printed figure is the rounded result of its expression."""
    step = float(Decimal(1).scaleb(Decimal(printed).as_tuple().exponent))

    assert values()[name] == pytest.approx(float(printed), abs=step / 2 + 1e-9), expression


@pytest.mark.parametrize("name", [name for name, *_ in lines()])
def test_plan_says_the_same(plan, name):
    """A figure with the name of a derived value is that value, in seconds, MiB or thousandths of a core."""
    trail = plan.trails.get(f"tiers.mail.{name}") or plan.trails.get(name)
    if trail is None:
        assert re.fullmatch(r"sigma|load|[BC]\d|W1?|late\d|peak_slots", name), "a step of its own"
        return
    value = trail.value
    number = value.total_seconds() if hasattr(value, "total_seconds") else float(value)
    shown = number / IN_MIB if "memory" in name else number

    assert values()[name] == pytest.approx(shown, rel=1e-3)


def test_shipped_page_is_read():
    """The page holds the arithmetic that it announces."""
    assert (ROOT / PAGE).is_file()
    assert len(list(lines())) > 25
