"""TLS of Celery's URLs: verified unless the URL says otherwise, and in production always."""

import ssl

import pytest

from task_abstraction.backends.celery.tls import check_settings, secured
from task_abstraction.errors import ConfigurationError


@pytest.mark.parametrize(
    ("given", "url", "options"),
    [
        ("redis://h/0", "redis://h/0", {}),
        ("rediss://u:p%40x@h:1/0", "rediss://u:p%40x@h:1/0?ssl_cert_reqs=required", {}),
        ("rediss://h/0?ssl_cert_reqs=CERT_REQUIRED", "rediss://h/0?ssl_cert_reqs=required", {}),
        (
            "rediss://a/0?ssl_ca_certs=/ca.pem;rediss://b/0",
            "rediss://a/0?ssl_ca_certs=/ca.pem&ssl_cert_reqs=required;rediss://b/0?ssl_cert_reqs=required",
            {},
        ),
        ("amqps://h//", "amqps://h//", {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}),
        (
            "amqps://h/v?ssl_ca_certs=/ca.pem&ssl_certfile=/c&ssl_keyfile=/k&heartbeat=30",
            "amqps://h/v?heartbeat=30",
            {
                "cert_reqs": ssl.CERT_REQUIRED,
                "ca_certs": "/ca.pem",
                "certfile": "/c",
                "keyfile": "/k",
                "server_hostname": None,
            },
        ),
        ("amqps://h//?ssl_cert_reqs=none", "amqps://h//", {"cert_reqs": ssl.CERT_NONE}),
        ("amqps://h//?ssl_check_hostname=false", "amqps://h//", {"cert_reqs": ssl.CERT_REQUIRED}),
    ],
    ids=[
        "in clear",
        "bare",
        "upper case",
        "several",
        "amqps",
        "amqps with files",
        "amqps unverified",
        "amqps any name",
    ],
)
def test_what_celery_is_told(given, url, options):
    """Each form means the same to broker, result store and plain clients."""
    found = secured(given, "CELERY_BROKER_URL")

    assert (found.url, dict(found.options)) == (url, options)


@pytest.mark.parametrize(
    "url",
    [
        "rediss://h/0?ssl_cert_reqs=none",
        "rediss://h/0?ssl_cert_reqs=CERT_OPTIONAL",
        "amqps://h//?ssl_cert_reqs=none",
        "rediss://h/0?ssl_check_hostname=False",
        "rediss://a/0;rediss://h/0?ssl_cert_reqs=none",
    ],
)
def test_production_refuses_what_is_not_verified(url, monkeypatch):
    """Also the second of several addresses."""
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(ConfigurationError, match="Refused because ENVIRONMENT is production"):
        secured(url, "CELERY_BROKER_URL")


@pytest.mark.parametrize("name", ["broker_use_ssl", "redis_backend_use_ssl"])
def test_production_refuses_settings_that_verify_nothing(name, monkeypatch):
    """A rendered or given settings module says it by other names."""
    monkeypatch.setenv("ENVIRONMENT", "prod")
    key = "cert_reqs" if name == "broker_use_ssl" else "ssl_cert_reqs"
    check_settings({name: {key: ssl.CERT_REQUIRED}})
    with pytest.raises(ConfigurationError, match=name):
        check_settings({name: {key: ssl.CERT_NONE}})


def test_a_word_without_meaning_is_refused():
    """Celery would take it for no verification."""
    with pytest.raises(ConfigurationError, match="CELERY_BROKER_URL: ssl_cert_reqs=yes is unknown"):
        secured("rediss://h/0?ssl_cert_reqs=yes", "CELERY_BROKER_URL")
