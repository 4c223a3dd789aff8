"""Tokens of Hatchet in form only: what a client reads without asking an engine."""

import base64
import json

TENANT = "707d0855-80ab-4e1f-a156-f1c4546cbf52"


def fake_token(*, signature: str = "c2ln", **claims: object) -> str:
    """Three parts, claims of a tenant and of addresses where nobody listens, no signature that an engine takes."""
    stated = {
        "sub": TENANT,
        "server_url": "http://127.0.0.1:1",
        "grpc_broadcast_address": "127.0.0.1:1",
        "exp": 1900000000,
        **claims,
    }
    parts = (json.dumps({"alg": "ES256"}), json.dumps(stated))
    return ".".join([*(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts), signature])
