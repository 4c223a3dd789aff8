"""When a certificate ends, read as another implementation writes it."""

from datetime import UTC, datetime

import pytest

from task_abstraction.config.certificate import certificate_expires_at

x509 = pytest.importorskip("cryptography.x509")


def pem(end: datetime, serial: int = 1) -> bytes:
    """A certificate that ends then."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "worker " * 9)])
    made = x509.CertificateBuilder(name, name, key.public_key(), serial, datetime(2020, 1, 1, tzinfo=UTC), end)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("year", [2031, 2049, 2050, 2121])
def test_the_end_is_that_of_the_certificate(year):
    """Both forms of a time: the other one is written from 2050 on."""
    end = datetime(year, 2, 3, 4, 5, 6, tzinfo=UTC)

    assert certificate_expires_at(pem(end, serial=2**150)) == end.timestamp()


def test_the_first_of_a_chain_counts():
    """It is the one that is presented; its authority lives longer."""
    first, authority = (datetime(year, 1, 1, tzinfo=UTC) for year in (2031, 2041))

    assert certificate_expires_at(b"a comment\n" + pem(first) + pem(authority)) == first.timestamp()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"certificate",
        b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
    ],
)
def test_what_is_no_certificate_has_no_end(text):
    """The connection says what is wrong with it; the gauge is absent."""
    assert certificate_expires_at(text) is None
