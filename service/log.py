"""How log lines look: text for people, or JSON for programs. Knows nothing of requests."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any, Literal

FIELDS = "fields"
"""The name under which a line's `extra` holds what JSON shall hold besides the message."""

Format = Literal["line", "json"]


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, and the line's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__  # not what it said, which may quote a post
        return json.dumps(line, ensure_ascii=False)


def log_config(level: str, log_format: Format = "line") -> dict[str, Any]:
    """Say what is logged, as `logging.config.dictConfig` reads it: our lines, and the server's warnings.

    The server's own access log is left out: it holds query strings, and whoever puts a post there would find
    it in the log.

    Args:
        level: The least severe of our lines.
        log_format: How they look.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
            "json": {"()": JsonFormatter},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": log_format}},
        "loggers": {
            "service": {"level": level.upper(), "handlers": ["stderr"], "propagate": False},
            "uvicorn": {"level": "WARNING", "handlers": ["stderr"], "propagate": False},
        },
    }
