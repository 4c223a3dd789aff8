"""Names of backends: shipped, from entry points, registered by hand; a look-up imports only the one."""

from importlib import import_module
from typing import TYPE_CHECKING

from task_abstraction.errors import BackendNotInstalled, BackendNotSupported

if TYPE_CHECKING:
    from task_abstraction.base import TaskBackend

ENTRY_POINTS = "task_abstraction.backends"
_SHIPPED = {
    "celery": "task_abstraction.backends.celery.backend:CeleryBackend",
    "hatchet": "task_abstraction.backends.hatchet.backend:HatchetBackend",
    "temporal": "task_abstraction.backends.temporal.backend:TemporalBackend",
}
_registered: dict[str, "str | type[TaskBackend]"] = {}


def register_backend(backend_type: str, backend: "str | type[TaskBackend]") -> None:
    """Make a backend known under a name, as a class or as "package.module:Class"."""
    _registered[backend_type] = backend


def _from_entry_points() -> dict[str, str]:
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}


def get_available_backends() -> list[str]:
    """Shipped names, then the others sorted; nothing is imported to list them."""
    others = {*_from_entry_points(), *_registered} - set(_SHIPPED)
    return [*_SHIPPED, *sorted(others)]


def backend_class(backend_type: str) -> "type[TaskBackend]":
    """Import and return the class of one backend.

    Raises:
        BackendNotSupported: nobody registered the name.
        BackendNotInstalled: its SDK is absent.
    """
    target = _registered.get(backend_type) or _SHIPPED.get(backend_type) or _from_entry_points().get(backend_type)
    if target is None:
        raise BackendNotSupported(backend_type, get_available_backends())
    if not isinstance(target, str):
        return target
    module, _, name = target.partition(":")
    try:
        found: type[TaskBackend] = getattr(import_module(module), name)
    except ImportError as error:
        raise BackendNotInstalled(backend_type, error) from error
    return found
