"""Mails to customers."""

from celery import shared_task


@shared_task
def remind() -> int:
    """Remind customers of what lies in their baskets."""
    return 0


@shared_task(acks_late=False)
def send(to: str, text: str) -> str:
    """Send one mail; it must not go out twice, so that it is acknowledged before it runs."""
    return f"{to}: {len(text)} characters"
