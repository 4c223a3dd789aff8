"""What every profile model shares: closed frozen models, names, and references to secrets."""

import re
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Model(BaseModel):
    """Base of every profile model: frozen, closed against unknown keys, strict about scalar types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


OBJECT_NAME: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def object_name(longest: int) -> Any:  # noqa: ANN401  # an Annotated type for pydantic
    """Return the type of a name that becomes part of object names: RFC 1123, beginning with a letter."""

    def check(value: str) -> str:
        if not OBJECT_NAME.fullmatch(value) or len(value) > longest:
            raise ValueError(
                f"{value!r} is not a name: lower-case letters, digits and '-', beginning with a letter,"
                f" at most {longest} characters"
            )
        return value

    return Annotated[str, AfterValidator(check), Field(json_schema_extra={"pattern": f"^{OBJECT_NAME.pattern}$", "maxLength": longest})]


Name = object_name(63)
"""A Kubernetes object or secret name (RFC 1123 label)."""
TierName = object_name(40)
"""A tier: 40 characters leave room for `worker-`, the application and KEDA's prefix within 63 (rule K15)."""


def _queue_name(value: str) -> str:
    # RabbitMQ and SQS limit names to 255 bytes; a comma separates queues on the worker's command line.
    if not value or len(value.encode()) > 255 or not re.fullmatch(r"[A-Za-z0-9_.:\-]+", value):  # noqa: PLR2004
        raise ValueError(f"{value!r} is not a queue name: letters, digits and _ . : - only, at most 255 bytes")
    return value


QueueName = Annotated[str, AfterValidator(_queue_name)]
"""A queue: the characters that every broker takes."""


def _glob(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.\-*?\[\]]{1,255}", value):
        raise ValueError(f"{value!r} is not a task name or glob: letters, digits, _ . - and the wildcards * ? [ ]")
    return value


TaskGlob = Annotated[str, AfterValidator(_glob)]
"""A task name, or a glob over task names such as `extract_*`."""


def _env_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError(f"{value!r} is not the name of an environment variable: letters, digits and _")
    return value


EnvName = Annotated[str, AfterValidator(_env_name)]
"""The name of an environment variable."""


def _text(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def _printable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("a NUL character cannot be written into any artifact: remove it")
    return value


Text = Annotated[str, BeforeValidator(_text), AfterValidator(_printable)]
"""A value that keeps its text; whole numbers and booleans are taken as the text they are written as."""


def _module(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\.\*)?", value, re.ASCII):
        raise ValueError(f"{value!r} is not a Python module: write it with dots, such as docflow.tasks")
    return value


PythonModule = Annotated[str, AfterValidator(_module)]
"""A dotted Python module."""


def _relative(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)*|\.", value):
        raise ValueError(f"{value!r} is not a path inside the project: no '..', no leading '/', no spaces")
    return value


RelativePath = Annotated[str, AfterValidator(_relative)]
"""A path below the project root."""


def _address(value: str) -> str:
    match = re.fullmatch(r"(?P<host>[A-Za-z0-9_.\-]+|\[[0-9A-Fa-f:]+\]):(?P<port>\d{1,5})", value)
    if match is None or not 0 < int(match["port"]) < 65536:  # noqa: PLR2004
        raise ValueError(f"{value!r} is not an address: write host:port, without a scheme")
    return value


Address = Annotated[str, AfterValidator(_address)]
"""`host:port`."""


def _url(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9+.\-]*://[^\s\"'`\\<>{}|^]+", value):
        raise ValueError(f"{value!r} is not a URL: write scheme://host:port/path")
    return value


Url = Annotated[str, AfterValidator(_url)]
"""A URL without credentials (credentials belong into a secret reference)."""


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is not a time zone: write an IANA name such as Europe/Berlin or UTC") from None
    return value


Timezone = Annotated[str, AfterValidator(_timezone)]
"""An IANA time zone."""

_CRON_RANGES: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_CRON_NAMES: Final = {
    3: "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(),
    4: "SUN MON TUE WED THU FRI SAT".split(),
}


def _cron_number(text: str, field: int) -> bool:
    low, high = _CRON_RANGES[field]
    return text.upper() in _CRON_NAMES.get(field, ()) or (text.isascii() and text.isdigit() and low <= int(text) <= high)


def _cron(value: str) -> str:
    fields = value.split()
    ok = len(fields) == len(_CRON_RANGES) and all(
        (base == "*" or all(_cron_number(end, number) for end in base.split("-", 1)))
        and (not step or (step.isdigit() and int(step) > 0))
        for number, field in enumerate(fields)
        for base, _, step in (part.partition("/") for part in field.split(","))
    )
    if not ok:
        raise ValueError(f"{value!r} is not a cron expression: five fields, minute hour day month weekday")
    return " ".join(fields)


Cron = Annotated[str, AfterValidator(_cron)]
"""Five cron fields: minute, hour, day of month, month, day of week."""

Auto = Literal["auto"]


class SecretKey(Model):
    """A reference to one value of a secret; the value itself never appears in a profile or an artifact."""

    secret: Name
    """name of the secret object"""
    key: Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]{1,253}$")]
    """key inside the secret"""


class SecretName(Model):
    """A reference to a whole secret, such as a certificate pair."""

    secret: Name
    """name of the secret object"""
