"""Which task goes to which queue, and which tier serves which queue."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from taskgen.profile.model import Profile
from taskgen.profile.tier import Tier
from taskgen.profile.workload import TaskPolicy

_WILDCARD = re.compile(r"[*?\[]")


def specificity(glob: str) -> tuple[bool, int, str]:
    """Return a sort key that puts the most specific glob first: exact names, then long literal parts."""
    literal = len(re.sub(r"\[[^\]]*\]|[*?]", "", glob))
    return (bool(_WILDCARD.search(glob)), -literal, glob)


def overlap(one: str, other: str) -> bool:
    """Say whether two globs may match a common name; conservative: decided by what stands before the first wildcard."""
    prefixes = [_WILDCARD.split(glob, maxsplit=1)[0] for glob in (one, other)]
    exact = [not _WILDCARD.search(glob) for glob in (one, other)]
    if all(exact):
        return one == other
    if exact[0]:
        return prefixes[0].startswith(prefixes[1])
    if exact[1]:
        return prefixes[1].startswith(prefixes[0])
    return prefixes[0].startswith(prefixes[1]) or prefixes[1].startswith(prefixes[0])


def routes(profile: Profile) -> tuple[tuple[str, str], ...]:
    """Return (task glob, queue) pairs, the most specific glob first."""
    pairs = [(glob, name) for name, queue in profile.queues.items() if queue for glob in queue.tasks]
    return tuple(sorted(pairs, key=lambda pair: (specificity(pair[0]), pair[1])))


def queue_of(profile: Profile, task: str) -> str:
    """Return the queue of a task name: its first matching route, else the default queue."""
    return next((queue for glob, queue in routes(profile) if fnmatchcase(task, glob)), profile.default_queue)


def all_queues(profile: Profile) -> tuple[str, ...]:
    """Return every queue that is declared, served by name, or the default of a task."""
    named: set[str] = set(profile.queues)
    for tier in profile.tiers.values():
        named.update(() if tier.queues == "all" else tier.queues)
    return tuple(sorted(named))


def queues_of(profile: Profile, tier: Tier) -> tuple[str, ...]:
    """Return the queues that a tier serves, sorted for `all`, else in the order of the profile."""
    if tier.queues != "all":
        return tier.queues
    return tuple(name for name in all_queues(profile) if name not in tier.exclude_queues) or (profile.default_queue,)


def policies_of(profile: Profile, queues: Iterable[str]) -> tuple[tuple[str, TaskPolicy], ...]:
    """Return the policies of `tasks:` that may concern a task of these queues."""
    served = set(queues)
    globs = [glob for glob, queue in routes(profile) if queue in served]
    found = []
    for glob, policy in profile.tasks.items():
        unrouted = not any(overlap(glob, route) for route, _ in routes(profile))
        if policy and (any(overlap(glob, route) for route in globs) or (unrouted and profile.default_queue in served)):
            found.append((glob, policy))
    return tuple(sorted(found, key=lambda pair: specificity(pair[0])))
