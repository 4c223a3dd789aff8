"""Brings the servers and consumers that the tests run for real.

As root on Debian or Ubuntu it installs what is missing; elsewhere it changes nothing, and the tests end with a table of
what was not run. With CI=true a missing one is a failure.

Usage: python -m scripts.setup_consumers [--list]
"""

import os
import sys
from collections.abc import Sequence

from scripts import debian
from tests.support.consumers import CONSUMERS, Consumer


def install_missing(missing: Sequence[Consumer]) -> None:
    """Install all at once; when that fails, one by one, so that one unknown package costs only its own tests."""
    from_apt = [consumer for consumer in missing if consumer.apt]
    if not from_apt or not debian.can_install():
        return
    try:
        _install(from_apt)
    except debian.PackageError as problem:
        print(f"{problem}\ntrying one by one", file=sys.stderr)
        for consumer in from_apt:
            try:
                _install([consumer])
            except debian.PackageError as own_problem:
                print(f"{consumer.name}: {own_problem}", file=sys.stderr)


def _install(consumers: Sequence[Consumer]) -> None:
    packages = [package for consumer in consumers for package in consumer.apt]
    services = [service for consumer in consumers for service in consumer.services]
    debian.install(packages, services=services)


def missing_consumers() -> list[Consumer]:
    """Those of the table that cannot be used here."""
    return [consumer for consumer in CONSUMERS if consumer.absent() is not None]


def list_consumers() -> None:
    """Print the table: name, whether it is here, what it checks, how to get it."""
    for consumer in CONSUMERS:
        reason = consumer.absent()
        print(f"{consumer.name:20} {'here' if reason is None else 'absent':7} checks {consumer.checks}")
        if reason is not None:
            print(f"{'':20} {reason}; get it: {consumer.remedy}")


def main(arguments: Sequence[str]) -> int:
    """Install what is missing; in CI, refuse to go on without what the tests need. Elsewhere the tests say it."""
    if "--list" in arguments:
        list_consumers()
        return 0
    debian.tidy()
    install_missing(missing_consumers())
    if os.environ.get("CI") != "true":
        return 0
    needed = [consumer for consumer in missing_consumers() if consumer.required_in_ci]
    for consumer in needed:
        print(f"CI needs {consumer.name}: {consumer.absent()}; get it: {consumer.remedy}", file=sys.stderr)
    return 1 if needed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
