"""The Celery backend. This module stays free of the SDK: it says what must be set before the SDK is imported."""

# celery/celery 5.7: billiard reads the variable once, at its import; without it a SIGTERM always drains.
CUT_ENVIRONMENT = {"REMAP_SIGTERM": "SIGQUIT"}
