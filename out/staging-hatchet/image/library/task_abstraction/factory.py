"""Where a backend object comes from: one for each process and configuration."""

import os
import threading
from typing import TYPE_CHECKING, cast

from task_abstraction.base import TaskBackend
from task_abstraction.config import BackendConfig, load_config_from_env, load_config_from_file, read_setting
from task_abstraction.config.backend import VARIABLES
from task_abstraction.config.plan import SETTINGS_DIR
from task_abstraction.config.settings import SETTINGS
from task_abstraction.errors import BackendNotConfigured
from task_abstraction.registry import backend_class, get_available_backends
from task_abstraction.submitter import Submitter, set_backend_finder

if TYPE_CHECKING:
    from collections.abc import Callable

_TYPE = SETTINGS["backend"].names[0]
_ALWAYS_READ = (*SETTINGS["environment"].names, SETTINGS_DIR)
_READ = {
    backend: (*_ALWAYS_READ, *(name for names in variables.values() for name in names))
    for backend, variables in VARIABLES.items()
}


def create_backend(backend_type: str, config: BackendConfig | None = None) -> TaskBackend:
    """Make a new backend object; without a configuration it reads the environment.

    Raises:
        BackendNotSupported: nobody registered the name.
        BackendNotInstalled: its SDK is absent.
        ConfigurationError: a setting is missing or has no meaning.
    """
    cls = backend_class(backend_type)
    return cls(config or load_config_from_env(backend_type))


def _resolve(config: BackendConfig | str | os.PathLike[str] | None, backend_type: str | None) -> BackendConfig:
    if isinstance(config, BackendConfig):
        return config
    if config is not None and str(config) not in get_available_backends():
        return load_config_from_file(config)
    name = backend_type or (None if config is None else str(config)) or read_setting("backend")
    if not name:
        raise BackendNotConfigured
    backend_class(name)  # an unknown name or an absent SDK is a better message than a missing variable
    return load_config_from_env(name)


def _environment() -> tuple[object, ...]:
    """What a configuration from the environment depends on: every submit of a `Task` asks for its backend."""
    name = os.environ.get(_TYPE, "")
    return (os.getpid(), name, *map(os.environ.get, _READ.get(name, _ALWAYS_READ)))


class _Backends:
    """The backend objects of this process, by their settings and by the environment that led to them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_settings: dict[str, TaskBackend] = {}
        self._by_environment: dict[tuple[object, ...], TaskBackend] = {}

    def get(self, config: BackendConfig | str | os.PathLike[str] | None, backend_type: str | None) -> TaskBackend:
        seen = _environment() if config is None and backend_type is None else None
        if seen is not None and seen in self._by_environment:
            return self._by_environment[seen]
        resolved = _resolve(config, backend_type)
        params = {name: str(value) for name, value in sorted(resolved.connection_params.items())}
        key = f"{os.getpid()} {resolved.backend_type} {params} {dict(resolved.worker_config or {})}"
        with self._lock:
            if key not in self._by_settings:
                self._by_settings[key] = create_backend(resolved.backend_type, resolved)
            if seen is not None:
                self._by_environment[seen] = self._by_settings[key]
            return self._by_settings[key]

    def forget(self) -> None:
        with self._lock:
            for backend in self._by_settings.values():
                backend.close()
            self._by_settings.clear()
            self._by_environment.clear()


_PROCESS = _Backends()


def get_backend(
    config: BackendConfig | str | os.PathLike[str] | None = None, *, backend_type: str | None = None
) -> TaskBackend:
    """Return the backend of this process: by configuration, by name, by file, or by TASK_BACKEND_TYPE.

    The same settings give the same object, so that a registration made in one module is seen by another.
    """
    return _PROCESS.get(config, backend_type)


def forget_backends() -> None:
    """Close and forget every backend object of this process; tests use it between cases."""
    _PROCESS.forget()


set_backend_finder(cast("Callable[[], Submitter]", get_backend))
