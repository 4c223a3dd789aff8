"""Token and addresses, known without the SDK."""

import pytest

from task_abstraction import ConfigurationError
from task_abstraction.backends.hatchet.connection import connection_of
from task_abstraction.config import BackendConfig
from tests.support.hatchet_token import TENANT, fake_token


def connection(environ=None, **params):
    """The connection of these parameters."""
    return connection_of(BackendConfig("hatchet", {"token": fake_token(), **params}), environ or {})


def test_the_token_carries_tenant_and_addresses():
    """Nothing but the token is needed."""
    found = connection()

    assert (found.tenant_id, found.server_url, found.host_port) == (TENANT, "http://127.0.0.1:1", "127.0.0.1:1")
    assert found.expires_at == 1900000000


def test_a_parameter_beats_the_token():
    """The engine may be reached under another address than the one it knows."""
    found = connection(server_url="https://hatchet.example.com/", host_port="hatchet.example.com:7070")

    assert (found.server_url, found.host_port) == ("https://hatchet.example.com", "hatchet.example.com:7070")


def test_the_namespace_is_written_as_the_sdk_writes_it():
    """Lower case, one underscore; names get it once."""
    found = connection({"HATCHET_CLIENT_NAMESPACE": "Staging"})

    assert found.full_name("extract") == "staging_extract"
    assert found.full_name("staging_extract") == "staging_extract"
    assert found.short_name("staging_extract") == "extract"


NO_HEADER = "e30." + fake_token().partition(".")[2]


@pytest.mark.parametrize("token", ["", "secret-text", "ey.ey.ey", "eyJhbGciOiJub25lIn0.e30.x", NO_HEADER])
def test_a_text_that_is_no_token_is_refused_without_being_shown(token):
    """The message names the variable and the remedy, never the value."""
    with pytest.raises(ConfigurationError, match=r"^HATCHET_CLIENT_TOKEN is no token") as raised:
        connection_of(BackendConfig("hatchet", {"token": token}), {})
    assert not token or token not in str(raised.value)


def test_an_unknown_tls_strategy_is_refused():
    """It names the three that exist."""
    with pytest.raises(ConfigurationError, match="'off' is none of tls, mtls, none"):
        connection(tls_strategy="off")


def test_a_token_without_addresses_needs_them_from_elsewhere():
    """The message names the two variables."""
    with pytest.raises(ConfigurationError, match="HATCHET_CLIENT_SERVER_URL and HATCHET_CLIENT_HOST_PORT"):
        connection_of(BackendConfig("hatchet", {"token": fake_token(server_url="", grpc_broadcast_address="")}), {})


def test_the_connection_does_not_show_its_token():
    """Whatever prints it prints no secret."""
    assert fake_token() not in repr(connection())
