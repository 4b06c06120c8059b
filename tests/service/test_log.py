from __future__ import annotations

import json
import logging
import sys

from service.log import FIELDS, JsonFormatter, log_config


def test_a_line_for_programs_is_one_json_object_with_its_fields() -> None:
    record = logging.LogRecord("service.telemetry", logging.INFO, "", 1, "%s %d", ("POST\n", 200), None)
    setattr(record, FIELDS, {"route": "/v1/classify", "status": 200})
    line = JsonFormatter().format(record)
    assert "\n" not in line
    content = json.loads(line)
    assert content.pop("time").endswith("+00:00")
    assert content == {
        "level": "info",
        "logger": "service.telemetry",
        "message": "POST\n 200",
        "route": "/v1/classify",
        "status": 200,
    }


def test_of_an_exception_only_its_kind_is_told() -> None:
    try:
        raise ValueError("a secret post")
    except ValueError:
        record = logging.LogRecord("service", logging.ERROR, "", 1, "failed", None, sys.exc_info())
    assert json.loads(JsonFormatter().format(record))["exception"] == "ValueError"
    assert "secret" not in JsonFormatter().format(record)


def test_the_servers_own_access_log_stays_silent() -> None:
    assert log_config("debug")["loggers"]["uvicorn"]["level"] == "WARNING"


def test_either_format_can_be_asked_for() -> None:
    assert log_config("info", "json")["handlers"]["stderr"]["formatter"] == "json"
    assert log_config("info")["handlers"]["stderr"]["formatter"] == "line"
