"""Log records as JSON lines (or for a console), redacted, with the task that wrote them."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import IO

from task_abstraction.config import redact
from task_abstraction.context import CURRENT
from task_abstraction.runtime.tracing import current_trace_id

STRUCTURED = "structured"
CONSOLE = "console"


def _task_fields() -> dict[str, object]:
    context, trace_id = CURRENT.get(), current_trace_id()
    traced: dict[str, object] = {} if trace_id is None else {"trace_id": trace_id}
    if context is None:
        return traced
    return {**traced, "task_id": context.id, "task": context.name, "queue": context.queue, "attempt": context.attempt}


class JsonFormatter(logging.Formatter):
    """One JSON object in one line for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; secrets become `***`."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
            **_task_fields(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            fields["exception"] = redact("".join(traceback.format_exception(*record.exc_info)))
        return json.dumps(fields, ensure_ascii=False, default=str)


class ConsoleFormatter(logging.Formatter):
    """Time, level, logger and text, for a terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; secrets become `***`."""
        return redact(super().format(record))


def configure_logging(level: str, log_format: str | None, stream: IO[str] | None = None) -> None:
    """Send every record to standard error; without a format it is console on a terminal, JSON elsewhere."""
    target = stream or sys.stderr
    if log_format is None:
        log_format = CONSOLE if target.isatty() else STRUCTURED
    handler = logging.StreamHandler(target)
    handler.setFormatter(ConsoleFormatter() if log_format == CONSOLE else JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
