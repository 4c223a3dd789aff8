"""How a Temporal server is reached: names of settings, and the SDK's errors in our words."""

import pytest
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from task_abstraction.backends.temporal.connection import address_of, connect_settings, reaching
from task_abstraction.config import BackendConfig, load_config_from_env
from task_abstraction.errors import BackendUnavailable, ConfigurationError, ResultTimeout


def settings_from(**environ):
    """Connect settings of an environment, as a worker reads it."""
    return connect_settings(load_config_from_env("temporal", environ), environ)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "localhost:7233"),
        ({"TEMPORAL_ADDRESS": "a:1"}, "a:1"),
        ({"TEMPORAL_HOST": "b"}, "b:7233"),
        ({"TEMPORAL_HOST": "b:2"}, "b:2"),
        ({"TASK_TEMPORAL_ADDRESS": "c:3", "TEMPORAL_ADDRESS": "a:1"}, "c:3"),
    ],
    ids=["default", "SDK", "older", "older with port", "ours first"],
)
def test_the_address_has_one_order_of_names(environ, expected):
    """Ours, the SDK's, the older name, the default."""
    assert settings_from(**environ)["target_host"] == expected


def test_a_configuration_may_give_an_address():
    """Configuration objects of an application's own hold host and port, or an address."""
    assert address_of(BackendConfig("temporal", {"address": "x:9"})) == "x:9"
    assert address_of(BackendConfig("temporal", {})) == "localhost:7233"


def test_without_tls_the_connection_is_plain():
    """Plaintext is the default of a local server."""
    assert not settings_from(TASK_TEMPORAL_NAMESPACE="docflow").get("tls")
    assert settings_from(TASK_TEMPORAL_NAMESPACE="docflow")["namespace"] == "docflow"


def test_an_api_key_turns_tls_on():
    """A key never travels in clear."""
    found = settings_from(TEMPORAL_API_KEY="very-secret-key")

    assert found["api_key"] == "very-secret-key"
    assert found["tls"]


@pytest.mark.parametrize(
    "names", [("CLIENT_CERT_PATH", "CLIENT_KEY_PATH"), ("CERT_PATH", "KEY_PATH")], ids=["SDK", "older"]
)
def test_certificates_are_read_by_both_names(tmp_path, names):
    """The names of the first documentation are read by nothing else: the library accepts them."""
    (tmp_path / "crt").write_text("certificate")
    (tmp_path / "key").write_text("key")
    certificate, key = (f"TEMPORAL_TLS_{name}" for name in names)
    given = {certificate: str(tmp_path / "crt"), key: str(tmp_path / "key"), "TEMPORAL_TLS_SERVER_NAME": "frontend"}
    tls = settings_from(TEMPORAL_TLS="true", **given)["tls"]

    assert isinstance(tls, TLSConfig)
    assert (tls.client_cert, tls.client_private_key, tls.domain) == (b"certificate", b"key", "frontend")


def test_a_missing_certificate_is_a_setting_that_is_wrong(tmp_path):
    """The message says where to look, and is no traceback of the SDK."""
    with pytest.raises(ConfigurationError, match="Temporal connection: "):
        settings_from(TEMPORAL_TLS="true", TEMPORAL_TLS_CLIENT_CERT_PATH=str(tmp_path / "absent"))


def test_a_configuration_file_of_the_sdk_keeps_its_address(tmp_path):
    """Our default does not win over a file that was given on purpose."""
    place = tmp_path / "temporal.toml"
    place.write_text('[profile.default]\naddress = "from-file:7233"\nnamespace = "team"\n')
    found = settings_from(TEMPORAL_CONFIG_FILE=str(place))

    assert (found["target_host"], found["namespace"]) == ("from-file:7233", "team")
    assert settings_from(TEMPORAL_CONFIG_FILE=str(place), TASK_TEMPORAL_ADDRESS="a:1")["target_host"] == "a:1"


@pytest.mark.parametrize(
    ("error", "expected", "text"),
    [
        (RPCError("down", RPCStatusCode.UNAVAILABLE, b""), BackendUnavailable, "temporal at a:1: down"),
        (RPCError("no", RPCStatusCode.PERMISSION_DENIED, b""), BackendUnavailable, "refuses the credentials: no"),
        (RPCError("too long", RPCStatusCode.INVALID_ARGUMENT, b""), ValueError, "limited to 2 MB"),
        (RPCError("larger than max", RPCStatusCode.RESOURCE_EXHAUSTED, b""), ValueError, "limited to 2 MB"),
        (RuntimeError("Failed client connect: x"), BackendUnavailable, "Failed client connect"),
        (TimeoutError(), BackendUnavailable, "no answer in time"),
        (ResultTimeout("id", 1), ResultTimeout, "no result after 1 s"),
        (RuntimeError("a bug"), RuntimeError, "a bug"),
    ],
    ids=["down", "refused", "too large", "much too large", "no server", "silent", "wait", "anything else"],
)
def test_errors_of_the_sdk_become_ours(error, expected, text):
    """An outage, a refusal of the payload and a wait that ran out are three different answers."""
    with pytest.raises(expected, match=text), reaching("a:1"):
        raise error
