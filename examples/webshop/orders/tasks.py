"""What happens to an order."""

import logging
import time
from pathlib import Path
from typing import Any

from celery import shared_task
from proj.settings import DATABASE

log = logging.getLogger(__name__)


@shared_task
def charge(order: str, amount: float) -> dict[str, object]:
    """Charge an order; the same order is charged once."""
    if amount <= 0:
        raise ValueError(f"order {order} has nothing to charge: {amount}")
    log.info("charging %s", order)
    place = Path(DATABASE) / f"{order}.charged"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"{amount:.2f}")
    return {"order": order, "charged": amount}


@shared_task(bind=True, max_retries=1)
def ship(self: Any, order: str, seconds: float = 0.0) -> str:  # noqa: ANN401 - a bound task
    """Ship a charged order; asks once more a second later where it is not charged yet."""
    place = Path(DATABASE) / f"{order}.charged"
    if not place.exists():
        raise self.retry(countdown=1, exc=LookupError(f"order {order} is not charged"))
    time.sleep(seconds)
    return f"{order} is on its way"
