"""Development mode: one worker that serves all queues."""

from taskgen.profile.model import Profile
from taskgen.profile.tier import Tier
from taskgen.profile.workload import Load

NAME = "worker"
"""Name of the tier that replaces all others."""
_LARGEST = ("memory", "longest_delay", "payload", "result", "result_lookup")
"""Facts of which the largest among the tiers decides."""


def collapsed(profile: Profile) -> Profile:
    """Return the profile with one tier per backend instead of all, if it asks for that.

    The longest limit and largest memory decide; it is idempotent if every tier is; rates and environments add up.
    """
    if not profile.collapse_tiers:
        return profile
    names = profile.backends.names()
    groups: dict[str, list[Tier]] = {}
    for tier in profile.tiers.values():
        groups.setdefault(tier.backend or names[0], []).append(tier)
    served = {queue for tier in profile.tiers.values() if tier.queues != "all" for queue in tier.queues}
    tiers: dict[str, Tier] = {}
    for backend, group in groups.items():
        # Somebody has to serve what no route names: one of the workers, not each of them.
        further = () if profile.default_queue in served or tiers else (profile.default_queue,)
        tiers[NAME if len(groups) == 1 else f"{NAME}-{backend}"] = _merge(group, further)
    return profile.model_copy(update={"tiers": tiers})


def _merge(tiers: list[Tier], further: tuple[str, ...]) -> Tier:
    longest = max(tiers, key=lambda tier: tier.task.time_limit)
    facts = [tier.task for tier in tiers]
    queues = tuple(dict.fromkeys(queue for tier in tiers if tier.queues != "all" for queue in tier.queues))
    task = longest.task.model_copy(
        update={
            **{key: max(getattr(fact, key) for fact in facts) for key in _LARGEST},
            "idempotent": all(fact.idempotent for fact in facts),
            "ignore_result": all(fact.ignore_result for fact in facts),
        }
    )
    load = Load.model_construct(rate=sum(tier.load.rate for tier in tiers), peak=sum(tier.load.peak for tier in tiers))
    everything = any(tier.queues == "all" for tier in tiers)
    return longest.model_copy(
        update={
            "queues": "all" if everything else (*queues, *further),
            "task": task,
            "load": load,
            "retry": max((tier.retry for tier in tiers), key=lambda retry: (retry.max_attempts, retry.max_delay)),
            "env": {name: value for tier in tiers for name, value in tier.env.items()},
            "secret_env": {name: key for tier in tiers for name, key in tier.secret_env.items()},
            "concurrency": max(
                (tier.concurrency for tier in tiers if isinstance(tier.concurrency, int)), default="auto"
            ),
        }
    )
