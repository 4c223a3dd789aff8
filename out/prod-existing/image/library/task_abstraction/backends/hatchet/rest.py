"""The engine's REST API, as far as producers and the exporter need it.

The SDK's own REST client repeats an unknown id for 16 s, has no time limit, and opens a connection for each call; this
one answers at once, or says that the engine cannot be reached. It needs no import of the SDK (2 s, 90 MB).
"""

import json
from collections.abc import Mapping
from typing import Any

import urllib3

from task_abstraction.backends.hatchet.connection import Connection
from task_abstraction.errors import BackendUnavailable

# ruff: noqa: ANN401 - JSON of another program

NOT_FOUND = 404
REFUSED_TOKEN = frozenset({401, 403})
CONNECT_LIMIT_S = 5.0
ERROR_CHARS = 300


class Rest:
    """GET, POST and DELETE of JSON with one pool of connections; safe from any thread."""

    def __init__(self, connection: Connection) -> None:
        self._at = connection
        options: dict[str, Any] = {} if connection.ca_file is None else {"ca_certs": connection.ca_file}
        self._pool = urllib3.PoolManager(
            maxsize=16,
            retries=False,
            headers={"Authorization": f"Bearer {connection.token}", "Accept": "application/json"},
            **options,
        )

    @property
    def tenant(self) -> str:
        """Path of the tenant in the older half of the API."""
        return f"/api/v1/tenants/{self._at.tenant_id}"

    @property
    def stable_tenant(self) -> str:
        """Path of the tenant in the newer half of the API."""
        return f"/api/v1/stable/tenants/{self._at.tenant_id}"

    def get(self, path: str, query: Mapping[str, str] | None = None, *, limit_s: float) -> Any:
        """JSON of a resource; None where there is none."""
        return self._ask("GET", path, limit_s=limit_s, fields=None if query is None else dict(query))

    def post(self, path: str, body: object, *, limit_s: float) -> Any:
        """JSON of the answer to a command; None where the resource does not exist."""
        return self._ask("POST", path, limit_s=limit_s, json=body)

    def delete(self, path: str, *, limit_s: float) -> bool:
        """Delete a resource; False where there is none."""
        return self._ask("DELETE", path, limit_s=limit_s) is not None

    def _ask(self, method: str, path: str, *, limit_s: float, **options: Any) -> Any:
        limits = urllib3.Timeout(connect=min(CONNECT_LIMIT_S, limit_s), read=limit_s)
        try:
            answer = self._pool.request(method, self._at.server_url + path, timeout=limits, **options)
        except urllib3.exceptions.HTTPError as error:
            raise self._unavailable(f"{type(error).__name__} after up to {limit_s:g} s") from error
        if answer.status == NOT_FOUND:
            return None
        if answer.status in REFUSED_TOKEN:
            raise self._unavailable(f"the token was refused (HTTP {answer.status})")
        if answer.status >= 400:  # noqa: PLR2004 - HTTP errors
            text = answer.data.decode(errors="replace").strip()[:ERROR_CHARS]
            raise self._unavailable(f"HTTP {answer.status}: {text}")
        try:
            return json.loads(answer.data) if answer.data else {}
        except ValueError as error:
            raise self._unavailable("the answer is no JSON: is this the address of the engine's API?") from error

    def _unavailable(self, reason: str) -> BackendUnavailable:
        return BackendUnavailable("hatchet", self._at.server_url, reason)

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()
