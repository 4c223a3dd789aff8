"""Facts of the profile as derivations see them."""

from datetime import timedelta
from pathlib import Path

from taskgen.plan.build import make_plan
from taskgen.profile.files import Project
from taskgen.profile.loading import load


def test_one_task_among_many_counts():
    """Memory and retry delays of a single task decide where they are larger than the tier's."""
    overrides = [
        "tasks.do_big={memory: 300Mi, retry: {max_attempts: 3, initial_delay: 20m, backoff: 2, max_delay: 2h}}",
        "tasks.do_small={memory: 1Mi}",
    ]
    root = Path(__file__).parents[2] / "fixtures" / "rules"
    tier = make_plan(load("redis", project=Project(root), overrides=overrides).profile).tier("main")

    assert (tier.task_memory, tier.eta) == (300 * 2**20, timedelta(minutes=40))
