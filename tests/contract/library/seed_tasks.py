"""The application that the seeds' blocks submit to: the names that they use, in a module that a worker imports."""

from typing import Any

from task_abstraction import task


@task(queue="file_processing")
def process_document(document: dict[str, Any]) -> object:
    """The task of seed 000."""
    return document["id"]


@task(queue="api_processing")
def add_numbers(a: int, b: int) -> int:
    """The task of seed 001."""
    return a + b


@task(queue="api_processing")
def process_sensitive_data(encrypted_data: str) -> str:
    """The secured task of seed 000."""
    return encrypted_data.strip().upper()
