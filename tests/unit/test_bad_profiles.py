"""Broken profiles: each is refused with a place and a remedy, and nothing on the disk changes."""

import pytest

from taskgen.errors import TaskgenError
from taskgen.profile.files import Project
from taskgen.profile.loading import load
from tests.support.bad_profile import SECRET, BadProfile
from tests.support.bad_profiles import CASES
from tests.support.trees import snapshot

JARGON = ("Input should", "pydantic", "Traceback", "type=", "dict", "tuple", "NoneType", "regex", "validat")


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_broken_profile_is_refused(case: BadProfile, tmp_path):
    """The message is the whole of what the user needs, the exit code says "unreadable", no file is touched."""
    case.build(tmp_path)
    before = snapshot(tmp_path)

    with pytest.raises(TaskgenError) as caught:
        load("bad", project=Project(tmp_path), overrides=case.overrides)

    assert str(caught.value) == case.expected
    assert caught.value.exit_code == case.exit_code
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_message_has_no_secret_and_no_jargon(case: BadProfile):
    """No message repeats a secret, or uses words that only the authors of libraries know."""
    assert SECRET not in case.expected
    assert not [word for word in JARGON if word in case.expected]


def test_cases_are_told_apart():
    """Every case has a name of its own."""
    assert len({case.id for case in CASES}) == len(CASES)
