"""The dead letters of Hatchet: runs that failed for good, which the engine keeps with their arguments.

A letter is a run of ours that is filed as FAILED, found by the queue in its metadata, as far back as the engine keeps
runs. The engine begins a failed run again under its own id; a single run it does not delete.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from task_abstraction.backends.hatchet.clients import Clients
from task_abstraction.backends.hatchet.labels import ID_KEY, QUEUE_KEY
from task_abstraction.backends.hatchet.lookup import LONGEST_SEARCH, Lookup
from task_abstraction.backends.hatchet.results import SCHEDULE_TIMEOUT
from task_abstraction.config import read_setting
from task_abstraction.context import ENQUEUED_AT_HEADER
from task_abstraction.dead_letters import Choice, DeadLetter, moment
from task_abstraction.encryption import Sealer
from task_abstraction.errors import ConfigurationError, PayloadUnreadable, UnsupportedFeature
from task_abstraction.models import Feature, Reason, TaskResult
from task_abstraction.runtime.execution import enqueued_at

RETENTION = timedelta(days=30)
"""How long an engine keeps runs where nobody says otherwise (720 h)."""
PAGE = 100
REPLAYED_AT_ONCE = 100
_TIME_LIMIT = re.compile(r"^Task exceeded timeout of ")
_WORKER_LOST = "Task reached its maximum reassignment count"
"""Of a task whose workers died 11 times (engine v0.104.7, measured)."""


class HatchetLetterStore:
    """The failed runs of one tenant and namespace."""

    def __init__(self, clients: Clients, lookup: Lookup, sealer: Sealer) -> None:
        self._clients = clients
        self._lookup = lookup
        self._sealer = sealer
        self._limit_s: float = read_setting("health_timeout_s")

    def read(self, queue: str) -> list[DeadLetter]:
        """Every failed run of a queue, the oldest first."""
        letters = (self._letter(run, queue) for run in self._failed(queue))
        return sorted(letters, key=lambda letter: letter.failed_at)

    def replay(self, queue: str, choose: Choice, *, to: str | None = None) -> list[DeadLetter]:
        """Let the engine begin the chosen runs again, under their ids.

        Raises:
            ConfigurationError: another queue is asked for.
        """
        if to is not None and to != queue:
            raise ConfigurationError(
                "Hatchet begins a run again on the queue that it was submitted to. Leave out --to", source="--to"
            )
        chosen = [letter for letter in self.read(queue) if choose(letter)]
        rest = self._clients.rest
        for begin in range(0, len(chosen), REPLAYED_AT_ONCE):
            ids = [letter.id for letter in chosen[begin : begin + REPLAYED_AT_ONCE]]
            rest.post(f"{rest.stable_tenant}/tasks/replay", {"externalIds": ids}, limit_s=self._limit_s)
        return chosen

    def purge(self, queue: str, choose: Choice) -> list[DeadLetter]:
        """Refuse: the engine deletes no single run.

        Raises:
            UnsupportedFeature: always.
        """
        del queue, choose
        raise UnsupportedFeature(
            "hatchet",
            Feature.DEAD_LETTER,
            "*",
            reason="the engine deletes no single run",
            hint="Failed runs go with the retention of the tenant, 30 days where nobody says otherwise",
        )

    def _failed(self, queue: str) -> Iterator[Mapping[str, Any]]:
        """Failed runs of the namespace, in windows: a longer search is slow."""
        rest, at = self._clients.rest, self._clients.connection
        now = datetime.now(UTC)
        until, seen = now + timedelta(minutes=1), set()
        while until > now - RETENTION:
            since = until - LONGEST_SEARCH
            query = {
                "statuses": "FAILED",
                "additional_metadata": f"{QUEUE_KEY}:{queue}",
                "since": since.isoformat(),
                "until": until.isoformat(),
                "only_tasks": "true",
                "include_payloads": "true",
                "limit": str(PAGE),
            }
            for offset in count(0, PAGE):
                path, wanted = f"{rest.stable_tenant}/workflow-runs", {**query, "offset": str(offset)}
                rows = (rest.get(path, wanted, limit_s=self._limit_s) or {}).get("rows") or []
                for run in rows:
                    if run["taskExternalId"] not in seen and str(run["actionId"]).startswith(at.namespace):
                        seen.add(run["taskExternalId"])
                        yield run
                if len(rows) < PAGE:
                    break
            until = since

    def _letter(self, run: Mapping[str, Any], queue: str) -> DeadLetter:
        run_id, metadata = str(run["taskExternalId"]), run.get("additionalMetadata") or {}
        task_id = str(metadata.get(ID_KEY) or run_id)
        found = self._lookup.result(task_id, run)
        ended = found.completed_at or found.started_at or datetime.fromisoformat(str(run["createdAt"]))
        shown = {name: value for name, value in metadata.items() if name != ENQUEUED_AT_HEADER}
        return DeadLetter(
            id=run_id,
            task_id=task_id,
            task=found.task_name,
            queue=queue,
            reason=_reason(found),
            error=found.error or "",
            attempts=found.attempts,
            enqueued_at=moment(enqueued_at(metadata)),
            failed_at=ended.astimezone(UTC).isoformat(timespec="milliseconds"),
            message={"content_type": "application/json", "headers": shown, "body": self._body(run)},
        )

    def _body(self, run: Mapping[str, Any]) -> str:
        """Arguments as `[args, kwargs]`, or as they are filed where they cannot be read here."""
        filed = (run.get("input") or {}).get("input")
        try:
            envelope = self._sealer.open_json(filed)
            return json.dumps([envelope["args"], envelope["kwargs"]])
        except (PayloadUnreadable, TypeError, KeyError):
            return json.dumps(filed)


def _reason(found: TaskResult[Any]) -> Reason:
    known = {SCHEDULE_TIMEOUT: Reason.SCHEDULE_TIMEOUT, _WORKER_LOST: Reason.WORKER_LOST}
    if found.error in known:
        return known[found.error]
    return Reason.TIME_LIMIT if _TIME_LIMIT.match(found.error or "") else Reason.ERROR
