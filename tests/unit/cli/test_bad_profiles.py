"""Broken profiles over the command line: the message, exit code 2, and nothing written or lost."""

import pytest

from tests.support.bad_profiles import CASES
from tests.support.command import taskgen_inside
from tests.support.trees import snapshot

# One of each kind: the whole table runs through `load`, where it takes seconds instead of minutes.
CHOSEN = [case for number, case in enumerate(CASES) if number % 12 == 0]


@pytest.mark.parametrize("case", CHOSEN, ids=[case.id for case in CHOSEN])
def test_render_refuses_it(case, tmp_path):
    """`taskgen render` prints the message on stderr, exits with 2 and leaves the folder as it was."""
    case.build(tmp_path)
    before = snapshot(tmp_path)

    flags = [word for override in case.overrides for word in ("--set", override)]
    done = taskgen_inside("render", "--profile", "bad", "--project", str(tmp_path), *flags)

    assert done.returncode == case.exit_code, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("overrides", "rule"),
    [
        pytest.param(["queues.nobody={tasks: [lost_*]}"], "C15", id="a queue that nobody serves"),
        pytest.param(["tiers.high.queues=[high_priority, file_processing]"], "U03", id="a queue on two tiers"),
    ],
)
def test_queues_that_do_not_fit(tmp_path, overrides, rule):
    """A queue that nobody serves, or that two tiers serve without saying so, stops render with its rule."""
    flags = [word for override in overrides for word in ("--set", override)]
    done = taskgen_inside("render", "--profile", "prod-celery", "--out", str(tmp_path), *flags)

    assert done.returncode == 1
    assert f"error {rule}" in done.stderr
    assert list(tmp_path.iterdir()) == []
