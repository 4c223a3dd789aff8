"""What every profile model shares: closed frozen models, names, and references to secrets."""

import re
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core.core_schema import CoreSchema, no_info_after_validator_function

from taskgen.profile.sources import SpelledBool, plain, source_text
from taskgen.profile.wording import shown


class Model(BaseModel):
    """Base of every profile model: frozen, closed against unknown keys, strict about scalar types."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class KeyedError(ValueError):
    """A model is wrong as a whole, and one of its keys (or a path below it) is the place to mend it."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Matching:
    """Text that matches a pattern, and the words for what it is: `'x y' is not a host name`."""

    pattern: str
    """regular expression for the whole text"""
    words: str
    """what the text is, with its article and an example"""
    longest: int | None = None
    """most characters"""

    def check(self, value: str) -> str:
        """Return the text if it matches."""
        if self.longest is not None and len(value) > self.longest:
            raise ValueError(f"{shown(value)} is too long: at most {self.longest} characters")
        if not re.fullmatch(self.pattern, value, re.ASCII):
            raise ValueError(f"{shown(value)} is not {self.words}")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        limits = {"maxLength": self.longest} if self.longest is not None else {}
        return {**handler(core), "pattern": f"^({self.pattern})$", **limits}


OBJECT_NAME: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


class ObjectName(Matching):
    """A name that becomes part of object names: RFC 1123, beginning with a letter."""

    def __init__(self, longest: int) -> None:
        words = f"a name: lower-case letters, digits and '-', beginning with a letter, at most {longest} characters"
        super().__init__(OBJECT_NAME.pattern, words, longest)

    def check(self, value: str) -> str:
        """Return the name if it is one; a name too long is told the whole grammar as well."""
        if not OBJECT_NAME.fullmatch(value) or len(value) > (self.longest or 0):
            raise ValueError(f"{shown(value)} is not {self.words}")
        return value


Name = Annotated[str, ObjectName(63)]
"""A Kubernetes object or secret name (RFC 1123 label)."""
TierName = Annotated[str, ObjectName(40)]
"""A tier: 40 characters leave room for `worker-`, the application and KEDA's prefix within 63 (rule K15)."""


QueueName = Annotated[
    str,
    # RabbitMQ and SQS limit names to 255 bytes; a comma separates queues on the worker's command line.
    Matching(r"[A-Za-z0-9_.:\-]{1,255}", "a queue name: letters, digits and _ . : - only, at most 255 bytes"),
]
"""A queue: the characters that every broker takes."""


TaskGlob = Annotated[
    str,
    Matching(r"[A-Za-z0-9_.\-*?\[\]]{1,255}", "a task name or glob: letters, digits, _ . - and the wildcards * ? [ ]"),
]
"""A task name, or a glob over task names such as `extract_*`."""


EnvName = Annotated[
    str, Matching(r"[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable: letters, digits and _")
]
"""The name of an environment variable."""


def _printable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("a NUL character cannot be written into any artifact: remove it")
    return value


Text = Annotated[
    str, BeforeValidator(source_text, json_schema_input_type=str | int | float | bool), AfterValidator(_printable)
]
"""A value that keeps its text; numbers and booleans are taken as the text they are written as."""


def _boolean(value: object) -> object:
    return bool(value) if isinstance(value, SpelledBool) else value


Boolean = Annotated[bool, BeforeValidator(_boolean)]
"""true or false; YAML also takes True and TRUE. A plain `bool` field would refuse those."""

Free = Annotated[Any, BeforeValidator(plain)]
"""A value of free form, in the types of JSON. A plain `Any` field would leak the types of the reader."""


PythonModule = Annotated[
    str,
    Matching(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\.\*)?", "a Python module: write it with dots, such as docflow.tasks"),
]
"""A dotted Python module."""


RelativePath = Annotated[
    str,
    Matching(
        r"[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)*|\.",
        "a path inside the project: no '..', no leading '/', no spaces",
    ),
]
"""A path below the project root."""


def _address(value: str) -> str:
    match = re.fullmatch(r"(?P<host>[A-Za-z0-9_.\-]+|\[[0-9A-Fa-f:]+\]):(?P<port>\d{1,5})", value)
    if match is None or not 0 < int(match["port"]) < 65536:  # noqa: PLR2004
        raise ValueError(f"{shown(value)} is not an address: write host:port, without a scheme")
    return value


Address = Annotated[str, AfterValidator(_address)]
"""`host:port`."""


def _url(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9+.\-]*://[^\s\"'`\\<>{}|^]+", value):
        raise ValueError(f"{shown(value)} is not a URL: write scheme://host:port/path")
    try:
        known = urlsplit(value).port != 0
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"{shown(value)} has a port that is none: write a number from 1 to 65535")
    return value


def _http_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError(f"{shown(value)} is not an HTTP URL: write http://host:port or https://host:port")
    return value


Url = Annotated[str, AfterValidator(_url)]
"""A URL without credentials (credentials belong into a secret reference)."""
HttpUrl = Annotated[Url, AfterValidator(_http_url)]
"""A URL that is asked by HTTP."""


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{shown(value)} is not a time zone: write an IANA name such as Europe/Berlin or UTC"
        ) from None
    return value


Timezone = Annotated[str, AfterValidator(_timezone)]
"""An IANA time zone."""

_CRON_RANGES: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_LONGEST_MONTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_CRON_NAMES: Final = {
    3: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    4: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
}


def _cron_number(text: str, field: int) -> bool:
    low, high = _CRON_RANGES[field]
    return text.upper() in _CRON_NAMES.get(field, ()) or (
        text.isascii() and text.isdigit() and low <= int(text) <= high
    )


def _cron_part(part: str, field: int) -> bool:
    """Tell whether every reader takes a part of a field: Celery refuses `1/5`, others a range that runs back."""
    base, slash, step = part.partition("/")
    first, dash, last = base.partition("-")
    if slash and not (step.isascii() and step.isdigit() and int(step) > 0 and (base == "*" or dash)):
        return False
    if base == "*":
        return True
    if not all(_cron_number(end, field) for end in (first, *([last] if dash else []))):
        return False
    return not (dash and first.isdigit() and last.isdigit() and int(first) > int(last))


def _cron(value: str) -> str:
    fields = value.split()
    if len(fields) != len(_CRON_RANGES) or not all(
        _cron_part(part, number) for number, field in enumerate(fields) for part in field.split(",")
    ):
        raise ValueError(f"{shown(value)} is not a cron expression: five fields, minute hour day month weekday")
    days, months = fields[2], fields[3]
    if days.isdigit() and months.isdigit() and int(days) > _LONGEST_MONTHS[int(months) - 1]:
        raise ValueError(f"{shown(value)} never comes: month {months} has no day {days}")
    return " ".join(fields)


Cron = Annotated[str, AfterValidator(_cron)]
"""Five cron fields: minute, hour, day of month, month, day of week."""


def _range(value: str) -> str:
    try:
        whole = ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f"{shown(value)} is not an address range such as 10.0.0.0/8") from None
    if ip_interface(value).ip != whole.network_address:
        raise ValueError(f"{shown(value)} begins inside of its range: write {whole}")
    return value


Cidr = Annotated[
    str, Matching(r"[0-9a-fA-F.:]+/\d{1,3}", "an address range such as 10.0.0.0/8"), AfterValidator(_range)
]
"""A range of IP addresses."""

Auto = Literal["auto"]


class SecretKey(Model):
    """A reference to one value of a secret; the value itself never appears in a profile or an artifact."""

    secret: Name
    """name of the secret object"""
    key: Annotated[str, Matching(r"[-._a-zA-Z0-9]{1,253}", "a key of a secret: letters, digits and - . _")]
    """key inside the secret"""


class SecretName(Model):
    """A reference to a whole secret, such as a certificate pair."""

    secret: Name
    """name of the secret object"""
