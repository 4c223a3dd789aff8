"""Ports on which a worker serves health and metrics."""

from typing import Final

HEALTH_PORT: Final = 8081
"""The library's health server ([Library 9]); 8001 stays free for the Hatchet SDK."""
SDK_METRICS_PORT: Final = {"temporal": 8082, "hatchet": 8001}
"""Servers of the SDKs themselves: ours to choose on Temporal, the default of the Hatchet SDK."""
