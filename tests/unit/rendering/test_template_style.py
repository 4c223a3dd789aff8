"""How templates are written: one expression is one scalar."""

import re
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).parents[3] / "templates"
BESIDE = re.compile(r"""[A-Za-z0-9_./'"-]\{\{|\}\}[A-Za-z0-9_./'"-]""")


@pytest.mark.parametrize(
    "template", sorted(TEMPLATES.rglob("*.yaml.j2")), ids=lambda path: path.relative_to(TEMPLATES).as_posix()
)
def test_no_text_beside_an_expression(template):
    """Text directly beside a value would stand outside its quotes: it is joined inside the expression instead."""
    lines = [line for line in template.read_text().splitlines() if not line.lstrip().startswith("#")]

    assert [line for line in lines if BESIDE.search(line)] == []
