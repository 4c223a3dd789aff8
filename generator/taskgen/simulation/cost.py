"""The price of replicas: two numbers of the profile, or of a file."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from taskgen.errors import TaskgenError

HOUR_S: Final = 3600.0
_KEYS: Final = ("currency", "vcpu_hour", "gib_hour")


class PriceError(TaskgenError):
    """A price table that cannot be read."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Prices:
    """What a worker costs for each hour in which it exists, by what it requests."""

    currency: str
    vcpu_hour: float
    gib_hour: float

    def cost(self, *, pod_seconds: float, vcpu: float, memory_gib: float) -> float:
        """Return replica-hours x (cores x price of a core-hour + GiB x price of a GiB-hour)."""
        return pod_seconds / HOUR_S * (vcpu * self.vcpu_hour + memory_gib * self.gib_hour)


def read_prices(path: Path) -> Prices:
    """Read a price table that replaces the one of the profile.

    Raises:
        PriceError: the file cannot be read, or a price is missing or no number.
    """
    try:
        text = path.read_text("utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise PriceError(f"--prices {path}: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise PriceError(f"--prices {path}: not UTF-8 at byte {error.start}: save it as UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise PriceError(f"--prices {path}: no TOML: {error}") from error
    if unknown := sorted(table.keys() - set(_KEYS)):
        raise PriceError(f"--prices {path}: unknown {', '.join(unknown)}: the keys are {', '.join(_KEYS)}")
    currency = table.get("currency", "USD")
    if not isinstance(currency, str):
        raise PriceError(f"--prices {path}: currency must be text such as EUR")
    return Prices(currency, _price(path, table, "vcpu_hour"), _price(path, table, "gib_hour"))


def _price(path: Path, table: dict[str, object], key: str) -> float:
    price = table.get(key)
    if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < float("inf"):
        raise PriceError(f"--prices {path}: {key} must be a price for an hour from 0 on, such as 0.04")
    return float(price)
