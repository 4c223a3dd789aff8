"""What formulas and rules name as their source can be opened."""

import re

import pytest

from taskgen.plan import build
from taskgen.rules.catalogue import ALL_RULES
from taskgen.rules.guaranteed import GUARANTEED
from taskgen.rules.pending import PENDING
from tests.support.command import ROOT

SOURCES = {
    **{
        f"value {name}": entry.source
        for part in (build.TIER_DERIVATIONS, build.LATE_DERIVATIONS, build.PROFILE_DERIVATIONS)
        for name, entry in part.items()
    },
    **{f"rule {entry.id}": entry.reference for entry in ALL_RULES},
}
PAGE = (ROOT / "docs" / "sources.md").read_text()


def chapters(text):
    """Names such as `Celery 4` in brackets; `[Temporal 2, 3]` is two of them."""
    for name, numbers in re.findall(r"\[([A-Z]\w+)((?: [\d.]+)(?:, [\d.]+)*)?\](?!\()", text):
        yield from [f"{name} {number.strip()}" for number in numbers.split(",")] if numbers else [name]


@pytest.mark.parametrize("owner", SOURCES)
def test_source_can_be_opened(owner):
    """A chapter stands on the page of sources, a rule in the catalogue, a page of the docs in its folder."""
    text = SOURCES[owner]
    known = {entry.id for entry in ALL_RULES} | GUARANTEED.keys() | PENDING.keys()

    assert text.strip()
    assert set(chapters(text)) <= set(chapters(PAGE)), text
    assert set(re.findall(r"rule ([A-Z]\d\d)", text)) <= known, text
    pages = re.findall(r"[\w/.-]+\.md", text)
    assert all((ROOT / page).is_file() for page in pages), pages
