"""A clock that tests move: delays, retries and expiry cost no time."""

import threading
import time
from datetime import UTC, datetime, timedelta


class VirtualClock:
    """Real time plus what was skipped; whoever waits on `changed` hears of a skip."""

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._skipped = timedelta(0)

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC) + self._skipped

    def monotonic(self) -> float:
        """Seconds for measuring intervals."""
        return time.monotonic() + self._skipped.total_seconds()

    def advance(self, by: timedelta | float) -> None:
        """Skip time (a timedelta, or seconds): what becomes due runs now."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        if step < timedelta(0):
            raise ValueError(f"the clock cannot go back by {-step}")
        with self._changed:
            self._skipped += step
            self._changed.notify_all()
