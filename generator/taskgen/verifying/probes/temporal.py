"""Asks the installed Temporal SDK whether its worker and its metrics take every rendered argument."""

import asyncio
from collections.abc import Iterator
from typing import Final

from taskgen.verifying.probes.answering import Settings, answer, mistyped, table, unknown

MODES: Final = frozenset({"auto", "activity", "workflow"})


def probe(module: Settings) -> Iterator[str]:
    """Yield the arguments that the SDK does not know or cannot use."""
    from temporalio.worker import Worker

    workers = table(module, "WORKER")
    if not workers:
        yield "WORKER is missing or names no tier"
    for tier, keywords in workers.items():
        yield from unknown(keywords, Worker.__init__, f"WORKER[{tier}]")
        yield from mistyped(keywords, Worker.__init__, f"WORKER[{tier}]")
    mode = table(module, "SUBMIT").get("mode")
    if mode not in MODES:
        yield f"SUBMIT: mode is {mode!r}, allowed are {', '.join(sorted(MODES))}"
    yield from asyncio.run(_metrics(module))


async def _metrics(module: Settings) -> list[str]:
    """Make the runtime of each tier, as the library does; it serves its metrics on a port that the system chooses."""
    from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

    keywords = table(module, "PROMETHEUS")
    problems = list(unknown(keywords, PrometheusConfig.__init__, "PROMETHEUS"))
    if problems:
        return problems
    for tier, buckets in table(module, "BUCKETS").items() or [("every tier", None)]:
        try:
            config = PrometheusConfig(bind_address="127.0.0.1:0", histogram_bucket_overrides=buckets, **keywords)
            Runtime(telemetry=TelemetryConfig(metrics=config))
        except (TypeError, ValueError, RuntimeError, OverflowError) as error:
            problems.append(f"BUCKETS[{tier}]: {error}")
    return problems


if __name__ == "__main__":
    answer(probe)
