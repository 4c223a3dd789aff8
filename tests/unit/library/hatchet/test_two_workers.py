"""What the listener process says of its second stream."""

import asyncio

from task_abstraction.backends.hatchet.two_workers import TwoWorkers


class Broken:
    """A stream that the SDK cannot read."""

    async def __aiter__(self):
        """Fail at the first action."""
        raise ValueError("an action type of tomorrow")
        yield


class Listening(TwoWorkers):
    """A listener process without an engine."""

    def __init__(self):
        self.stopped = False

    async def _stop_action_loop(self):
        self.stopped = True


def test_a_stream_of_workflows_that_breaks_is_told_at_once(caplog):
    """It stops both streams; without a word the worker would only be not ready, and nobody would know why."""
    listening = Listening()

    asyncio.run(listening.take_workflows(Broken()))

    assert listening.stopped
    assert "an action type of tomorrow" in caplog.text
