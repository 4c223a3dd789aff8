"""What only Compose files and the image beside them need: references to variables, names of services, paths."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from markupsafe import Markup

from taskgen.errors import TemplateError
from taskgen.plan.model import EnvVar
from taskgen.profile.model import Profile
from taskgen.rendering.encoding import yaml_text
from taskgen.rendering.stack import Stack, compose_stack

_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]*")
_MESSAGE: Final = re.compile(r"[A-Za-z0-9_ .,/-]+")


def compose_required(variable: str, message: str) -> Markup:
    """Return a reference to a variable of the caller's environment; Compose stops with the message when it is unset.

    Raises:
        TemplateError: a name or message that Compose would not read as one.
    """
    if not _VARIABLE.fullmatch(variable) or not _MESSAGE.fullmatch(message):
        raise TemplateError(f"${{{variable}:?{message}}} is no reference that Compose reads: rename the secret")
    return Markup(yaml_text(f"${{{variable}:?{message}}}"))  # noqa: S704  # encoded


def compose_secrets(env: Iterable[EnvVar], stack: Stack) -> dict[str, Markup]:
    """Return the variables of a process that come from secrets, without those that the stack makes by itself."""
    return {
        entry.name: compose_required(
            stack.variables[f"{entry.secret.secret}/{entry.secret.key}"],
            f"secret {entry.secret.secret}, key {entry.secret.key}",
        )
        for entry in env
        if entry.secret and f"{entry.secret.secret}/{entry.secret.key}" not in stack.generated
    }


def compose_environment(env: Iterable[EnvVar], stack: Stack) -> dict[str, str | Markup]:
    """Return all variables of a process; a process with a file of variables needs `compose_secrets` alone."""
    variables = tuple(env)
    plain = {entry.name: entry.value for entry in variables if entry.value is not None}
    return {**plain, **compose_secrets(variables, stack)}


def loopback_ports(ports: Iterable[int]) -> list[str]:
    """Return ports as published on this machine alone."""
    return [f"127.0.0.1:{port}:{port}" for port in ports]


def project_root(profile: Profile) -> str:
    """Return the path from the folder of the Compose file to the project's root."""
    folders = [] if profile.output == "." else profile.output.split("/")
    return "/".join([".."] * (len(folders) + 2))


def output_folder(profile: Profile) -> str:
    """Return the path from the project's root to the rendered profile."""
    return profile.name if profile.output == "." else f"{profile.output}/{profile.name}"


def text(value: object) -> str:
    """Return a number as text, where the consumer wants text."""
    return str(value)


FILTERS: Final[Mapping[str, Any]] = {
    "compose_environment": compose_environment,
    "compose_required": compose_required,
    "compose_secrets": compose_secrets,
    "compose_stack": compose_stack,
    "loopback_ports": loopback_ports,
    "output_folder": output_folder,
    "project_root": project_root,
    "text": text,
}
"""By the name that templates use."""
