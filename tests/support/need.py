"""The one place that decides what a missing server or consumer means."""

import os

import pytest

from tests.support.consumers import consumer

NOT_RUN = "not run: "


def need(*names: str) -> None:
    """Skip the test when a server or consumer is absent; in CI that is a failure, except for those that may be."""
    for name in names:
        wanted = consumer(name)
        reason = wanted.absent()
        if reason is None:
            continue
        text = f"{name}: {reason}. To get it: {wanted.remedy}"
        if os.environ.get("CI") == "true" and wanted.required_in_ci:
            pytest.fail(f"CI lacks {text}")
        pytest.skip(NOT_RUN + text)
