"""When a certificate ends, with the standard library alone: it reads certificates of peers, not of files."""

import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

_FIRST: Final = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE: Final = 0x30
_FORMATS: Final = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}
"""UTCTime and GeneralizedTime, by tag."""


def certificate_expires_at(pem: bytes) -> float | None:
    """Unix time after which the first certificate of a PEM file is not valid; None if there is none that can be read.

    The first one of a chain is the one that is presented. DER by RFC 5280, 4.1: the third sequence of the signed part,
    after algorithm and issuer, holds both ends of the validity.
    """
    found = _FIRST.search(pem)
    if not found:
        return None
    try:
        ((_, certificate),) = _values(binascii.a2b_base64(found[1]))
        (_, signed), *_ = _values(certificate)
        validity = [content for tag, content in _values(signed) if tag == _SEQUENCE][2]
        _, (tag, text) = _values(validity)
        return datetime.strptime(text.decode("ascii"), _FORMATS[tag]).replace(tzinfo=UTC).timestamp()
    except (ValueError, IndexError, KeyError):  # nothing that says when it ends
        return None


def _values(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each value in a row."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:  # the length of the length
            size = length & 0x7F
            length, at = int.from_bytes(der[at : at + size], "big"), at + size
        yield tag, der[at : at + length]
        at += length
