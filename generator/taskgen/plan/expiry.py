"""Alerts on credentials that end: a ticket while there is time to make new ones, a page when there is little left."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from taskgen.plan.model import TierPlan
from taskgen.plan.monitoring import Expiry
from taskgen.profile.model import Profile
from taskgen.profile.scalars import format_duration

URGENT: Final = 7
"""A page comes when a seventh of the warning is left: 2 of the 14 days, which a weekend does not use up."""


def dated(profile: Profile, backend: str) -> bool:
    """Say whether the exporter of a backend knows when its credentials end: a token of Hatchet, a certificate."""
    temporal = profile.backends.temporal
    return backend == "hatchet" or (backend == "temporal" and temporal is not None and temporal.tls is not None)


def expiries(profile: Profile, tiers: tuple[TierPlan, ...], runbooks: str) -> Iterator[Expiry]:
    """Yield two alerts for each backend with credentials that end.

    Formula: ticket when less than `monitoring.alerts.expiry` (14 days of the 90 that a token of Hatchet lives by
    default, [Hatchet 7]: two working weeks) is left, page at a seventh of it. Ended credentials are both.

    Args:
        profile: says how long before the end it wants to know.
        tiers: of the profile.
        runbooks: address of the runbook, without the section.
    """
    warning = profile.monitoring.alerts.expiry
    for backend in dict.fromkeys(tier.backend for tier in tiers if dated(profile, tier.backend)):
        for name, severity, left in (
            ("TaskBackendCredentialsExpire", "ticket", warning),
            ("TaskBackendCredentialsExpireNow", "page", timedelta(seconds=int(warning.total_seconds()) // URGENT)),
        ):
            seconds = int(left.total_seconds())
            series = f'task_backend_token_expiry_timestamp_seconds{{backend="{backend}"}}'
            yield Expiry(
                alert=name,
                backend=backend,
                expr=f"min by (namespace, backend) ({series}) - time() < {seconds}",
                severity=severity,
                summary=f"the credentials of {backend} end in less than {format_duration(left)}",
                runbook=f"{runbooks}#credentials",
                left=seconds,
            )
