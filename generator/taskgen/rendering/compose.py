"""What only Compose files need: references to variables, names of services, paths from where the file is."""

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from markupsafe import Markup

from taskgen.errors import TemplateError
from taskgen.plan.model import Plan
from taskgen.profile.base import SecretKey
from taskgen.profile.model import Profile
from taskgen.rendering.encoding import yaml_text

_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]*")
_MESSAGE: Final = re.compile(r"[A-Za-z0-9_ .,/-]+")
_SERVICE_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def compose_required(variable: str, message: str) -> Markup:
    """Return a reference to a variable of the caller's environment; Compose stops with the message when it is unset.

    Raises:
        TemplateError: a name or message that Compose would not read as one.
    """
    if not _VARIABLE.fullmatch(variable) or not _MESSAGE.fullmatch(message):
        raise TemplateError(f"${{{variable}:?{message}}} is no reference that Compose reads: rename the secret")
    return Markup(yaml_text(f"${{{variable}:?{message}}}"))  # noqa: S704  # encoded


def _secrets(plan: Plan) -> Iterator[tuple[str, str | None]]:
    processes = (*plan.tiers, plan.exporter, *((plan.beat,) if plan.beat else ()))
    for process in processes:
        yield from ((entry.secret.secret, entry.secret.key) for entry in process.env if entry.secret)
        yield from ((mount.secret, None) for mount in process.mounts)


def secret_variables(plan: Plan) -> dict[str, str]:
    """Return the name of the variable for each secret of a plan, by `secret/key`; `secret/` is a folder of files.

    The name is made of the secret and the key alone, so that it stays when tiers come and go.

    Raises:
        TemplateError: two secrets would share one variable.
    """
    found: dict[str, str] = {}
    for secret, key in sorted(set(_secrets(plan)), key=str):
        words = f"{secret}_{'dir' if key is None else key}"
        variable = re.sub(r"[^A-Z0-9]", "_", words.upper())
        reference = f"{secret}/{key or ''}"
        other = next((known for known, name in found.items() if name == variable), None)
        if other is not None:
            raise TemplateError(f"secrets {other} and {reference} would both be read from {variable}: rename one")
        found[reference] = variable
    return found


def local_server(address: str | SecretKey | None, port: int) -> dict[str, Any] | None:
    """Return host and port of a server that only the stack itself can mean: a name without a dot; else None.

    Args:
        address: a URL, `host:port`, or a reference to a secret.
        port: default port.
    """
    if not isinstance(address, str):
        return None
    parts = urlsplit(address if "://" in address else f"//{address}")
    host = parts.hostname or ""
    if not _SERVICE_HOST.fullmatch(host) or host.lower() == "localhost" or host.isdigit():
        return None
    return {"host": host, "port": parts.port or port}


def service_name(tier: Any) -> str:  # noqa: ANN401  # a TierPlan
    """Return the name of a tier's service; no two tiers share one, and none has the name of another service."""
    return tier.name if tier.name == "worker" else f"worker-{tier.name}"


def project_root(profile: Profile) -> str:
    """Return the path from the folder of the Compose file to the project's root."""
    folders = [] if profile.output == "." else profile.output.split("/")
    return "/".join([".."] * (len(folders) + 2))


def output_folder(profile: Profile) -> str:
    """Return the path from the project's root to the rendered profile."""
    return profile.name if profile.output == "." else f"{profile.output}/{profile.name}"
