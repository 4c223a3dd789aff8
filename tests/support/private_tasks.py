"""Tasks whose arguments, results and errors are secret, for the tests of encryption."""

from datetime import timedelta

from task_abstraction import RetryPolicy, current_task, task

ONCE = RetryPolicy(max_attempts=1)


@task(queue="private", name="private_echo", retry=ONCE)
def echo(text: str, again: str = "") -> dict[str, str]:
    """Give back what came."""
    current_task().progress({"seen": text})
    return {"echo": text + again}


@task(queue="private", name="private_pass", retry=ONCE)
def hand_on(value: dict[str, str], extra: str = "") -> dict[str, str]:
    """Pass a value on: a step of a workflow."""
    return {"echo": value["echo"] + extra}


@task(queue="private", name="private_fail", retry=RetryPolicy(max_attempts=2, initial_delay=timedelta(0)))
def fail(text: str) -> None:
    """Fail with the secret in the error."""
    raise ValueError(f"cannot use {text}")


@task(queue="private", name="private_broken", retry=ONCE)
def broken(value: dict[str, str]) -> None:
    """Fail with the secret in the error: a step of a workflow."""
    fail(value["echo"])
