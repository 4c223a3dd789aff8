"""What is known about tasks, by the kind of application: alerts and verifiers go by it."""

from taskgen.profile.model import Profile


def worker_counts(profile: Profile) -> bool:
    """Say whether the workers serve our metrics: a command of the user's own serves what it serves."""
    return profile.app.kind != "command"


def waits_are_known(profile: Profile) -> bool:
    """Say whether messages carry the time of their submit: only our own producers write it ([Celery 6], measured)."""
    return profile.app.kind == "task_abstraction"


def ages_are_known(profile: Profile, backend: str) -> bool:
    """Say whether the exporter can tell the age of the oldest task: an engine knows it, a broker's message does not."""
    return backend != "celery" or waits_are_known(profile)
