"""What breaks each rule, and what only just keeps it."""

from tests.unit.rules.cases import brokers, celery, engines, own, platforms

FAMILIES = (celery, brokers, engines, platforms, own)
BREAKING = [
    (rule, base, overrides, overrides[-1].partition("=")[0] if path is None else path)
    for family in FAMILIES
    for rule, base, overrides, path in family.BREAKING
]
"""Where the path is None, it is the one that the last override sets."""
KEEPING = [case for family in FAMILIES for case in family.KEEPING]
