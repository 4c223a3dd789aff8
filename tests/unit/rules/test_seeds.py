"""The sources' own mistakes, stated as profiles: each is found, refused, or listed with the reason why not."""

from functools import cache
from pathlib import Path

import pytest

from taskgen import pipeline
from taskgen.errors import ProfileError
from taskgen.profile.files import Project
from taskgen.rules.guaranteed import GUARANTEED
from taskgen.rules.pending import PENDING
from tests.unit.rules.seed_rows import COMES, ELSEWHERE, FIRES, HELD, REFUSED

PROJECT = Project(Path(__file__).parents[2] / "fixtures" / "seeds")
PROFILES = sorted(path.stem for path in (PROJECT.root / "profiles").glob("*.yaml"))
ROWS = {
    (seed, lines)
    for seed, _, lines in (line.partition(" ") for line in (PROJECT.root / "rows.txt").read_text().splitlines())
}
"""Seed and lines of every row of the corrections."""


@cache
def checked(name):
    """A profile that says what a seed recommends."""
    return pipeline.checked(name, project=PROJECT)


@pytest.mark.parametrize("row", FIRES, ids=" ".join)
def test_mistake_is_found(row):
    """The rule fires at the line that states the mistake."""
    profile, rule, path = FIRES[row]

    assert (rule, path) in {(finding.rule, finding.path) for finding in checked(profile).findings}


@pytest.mark.parametrize("row", REFUSED, ids=" ".join)
def test_mistake_is_refused(row):
    """What is no field, or a secret in clear, is refused before any rule runs."""
    profile, override = REFUSED[row]

    with pytest.raises(ProfileError):
        pipeline.checked(profile, project=PROJECT, overrides=[override])


@pytest.mark.parametrize("name", PROFILES)
def test_nothing_renders(name):
    """No profile of a seed passes."""
    assert checked(name).blocked


def test_no_row_is_forgotten():
    """Each row of the corrections is in one table, and only in one."""
    listed = [*FIRES, *REFUSED, *HELD, *COMES, *(row for rows in ELSEWHERE.values() for row in rows)]

    assert sorted(listed) == sorted(ROWS)


def test_reasons_are_statements():
    """What holds by construction, or comes later, is named by its id."""
    assert set(HELD.values()) <= GUARANTEED.keys()
    assert set(COMES.values()) <= PENDING.keys()
