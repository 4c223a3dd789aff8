"""Tasks for the tests of traces: one that submits another, one that fails with what it was given."""

import logging

from task_abstraction import RetryPolicy, task

log = logging.getLogger("traced")
ONCE = RetryPolicy(max_attempts=1)


@task(queue="traced", name="traced_inner", retry=ONCE)
def inner(secret: str) -> int:
    """Log a line."""
    log.info("inner line")
    return len(secret)


@task(queue="traced", name="traced_outer", retry=ONCE)
def outer(secret: str) -> int:
    """Submit the inner one."""
    log.info("outer line")
    inner.submit(secret)
    return len(secret)


@task(queue="traced", name="traced_fail", retry=ONCE)
def fail(secret: str) -> None:
    """Fail with the secret in the error."""
    raise ValueError(secret)


@task(queue="traced", name="traced_step", retry=ONCE)
def step(value: int) -> int:
    """A step of a workflow."""
    return value + 1
