"""Development mode: one worker that serves all queues."""

from taskgen.profile.model import Profile
from taskgen.profile.tier import Tier
from taskgen.profile.workload import Load

NAME = "worker"
"""Name of the tier that replaces all others."""


def collapsed(profile: Profile) -> Profile:
    """Return the profile with one tier per backend instead of all, if it asks for that.

    The longest limit and largest memory decide; it is idempotent if every tier is; rates add up.
    """
    if not profile.collapse_tiers:
        return profile
    names = profile.backends.names()
    groups: dict[str, list[Tier]] = {}
    for tier in profile.tiers.values():
        groups.setdefault(tier.backend or names[0], []).append(tier)
    tiers = {
        NAME if len(groups) == 1 else f"{NAME}-{backend}": _merge(profile, group) for backend, group in groups.items()
    }
    return profile.model_copy(update={"tiers": tiers})


def _merge(profile: Profile, tiers: list[Tier]) -> Tier:
    longest = max(tiers, key=lambda tier: tier.task.time_limit)
    queues = tuple(dict.fromkeys(queue for tier in tiers if tier.queues != "all" for queue in tier.queues))
    task = longest.task.model_copy(
        update={
            "memory": max(tier.task.memory for tier in tiers),
            "idempotent": all(tier.task.idempotent for tier in tiers),
            "longest_delay": max(tier.task.longest_delay for tier in tiers),
        }
    )
    load = Load.model_construct(rate=sum(tier.load.rate for tier in tiers), peak=sum(tier.load.peak for tier in tiers))
    everything = any(tier.queues == "all" for tier in tiers)
    return longest.model_copy(
        update={
            "queues": "all"
            if everything
            else (*queues, *(() if profile.default_queue in queues else (profile.default_queue,))),
            "task": task,
            "load": load,
            "concurrency": max(
                (tier.concurrency for tier in tiers if isinstance(tier.concurrency, int)), default="auto"
            ),
        }
    )
