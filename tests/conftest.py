"""What holds for every test: how the run is spread over processes, and a closing table of what was not run."""

import gc
import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.fault_table import fault_row, mark_source, print_faults

__all__ = ["fault_row"]

NOT_RUN = "not run: "
# A setting of the developer's shell would decide what a worker under test does; an engine is given by HATCHET_CLIENT_*.
FOREIGN_PREFIXES = ("TASK_", "CELERY_", "TEMPORAL_")

# Tests share two cores with servers: a slow example is no defect. In CI the same examples every time.
settings.register_profile("taskgen", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("taskgen")


def pytest_configure() -> None:
    """Take foreign settings out of the environment that tests and their child processes see."""
    for name in [name for name in os.environ if name.startswith(FOREIGN_PREFIXES)]:
        del os.environ[name]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than processors: a test with a server waits most of its time."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the server tests of a module in one process: they share servers and workers.

    xdist begins with the groups of most tests: the modules with servers run side by side, and the thousands of single
    tests fill what is left, so that no process waits for another at the end. A server of the session lives as long as
    its process: it is started once for each process, not for each module.
    Acceptance tests start processes and real tools: none of them belongs to the fast tier.
    """
    for item in items:
        if "acceptance" in item.path.parts:
            item.add_marker(pytest.mark.slow)
        mark_source(item)
        if double := item.get_closest_marker("double"):
            item.user_properties.append(("double", double.args[0]))
        if item.get_closest_marker("server") and not item.get_closest_marker("xdist_group"):
            # One Hatchet engine is given to the whole run: its tests follow each other.
            item.add_marker(pytest.mark.xdist_group("hatchet" if "hatchet" in item.path.stem else item.path.stem))


@pytest.fixture(scope="module", autouse=True)
def _collected(request: pytest.FixtureRequest) -> Iterator[None]:
    """Free what tests with servers leave in kombu's pools and in reference cycles before another module runs.

    A pool keeps the connections of an address for the life of the process, also to a server that has ended, and canvas
    leaves results in cycles: the collector closes their sockets in any order, and the warning would be an error of
    whatever test runs just then.
    """
    yield
    if {"acceptance", "contract"} & set(request.path.parts):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            if pools := sys.modules.get("kombu.pools"):
                pools.reset()
            gc.collect()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was not run and how to get it, and what ran against a double: neither may pass for success."""
    doubles = Counter(
        text
        for report in terminalreporter.stats.get("passed", [])
        for name, text in report.user_properties
        if name == "double"
    )
    if doubles:
        terminalreporter.section("doubles")
    for text, count in sorted(doubles.items()):
        terminalreporter.line(f"{count:4} test{'s' if count > 1 else ' '}  double of a {text}")
    print_faults(terminalreporter)
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ").removeprefix(NOT_RUN)
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and NOT_RUN in report.longrepr[2]
    )
    if not reasons:
        return
    terminalreporter.section("not run")
    for reason, count in sorted(reasons.items()):
        terminalreporter.line(f"{count:4} test{'s' if count > 1 else ' '}  {reason}")
