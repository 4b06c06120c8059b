"""Writes what is documented from the code: `python -m service.reference`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from service.app import create_app
from service.metrics import Metrics
from service.settings import ENV_PREFIX, OTLP_ENDPOINT, Settings

DOCS = Path(__file__).resolve().parents[1] / "docs"

_INTRODUCTION = """\
# Configuration of the service

Generated from `service/settings.py` by `python -m service.reference`; edit there.

Each setting is an environment variable. `--host`, `--port` and `--model` of `earshot serve` win over theirs.
A variable that is set to nothing counts as not set.

| Variable | Default | Allowed | Meaning |
|---|---|---|---|
"""


def configuration() -> str:
    """The settings as a Markdown page."""
    properties: dict[str, dict[str, Any]] = Settings.model_json_schema()["properties"]
    rows = (
        f"| `{_variable(name)}` | {_default(schema)} | {_allowed(schema)} | {_meaning(schema)} |"
        for name, schema in properties.items()
    )
    return _INTRODUCTION + "\n".join(rows) + "\n"


_METRICS_INTRODUCTION = """\
# Metrics of the service

Generated from `service/metrics.py` by `python -m service.reference`; edit there.

`GET /metrics` gives them as Prometheus reads them, with those of the process (`process_…`) and of Python (`python_…`).
It asks for no key and holds nothing of a post. Names and labels are kept: dashboards and alert rules rest on them.

| Metric | Kind | Labels | Meaning |
|---|---|---|---|
"""


def metrics() -> str:
    """The metrics as a Markdown page."""
    rows = (
        f"| `{each.name}` | {each.kind} | {', '.join(f'`{label}`' for label in each.labels) or '–'} | {each.meaning} |"
        for each in Metrics().described
    )
    return _METRICS_INTRODUCTION + "\n".join(rows) + "\n"


def openapi() -> str:
    """The OpenAPI description, as the service with default settings gives it."""
    # `model_construct` takes the defaults and leaves this machine's environment alone.
    return json.dumps(create_app(Settings.model_construct()).openapi(), indent=2, ensure_ascii=False) + "\n"


def _variable(name: str) -> str:
    return name if name == OTLP_ENDPOINT else f"{ENV_PREFIX}{name.upper()}"


def _default(schema: dict[str, Any]) -> str:
    return "–" if schema["default"] is None else f"`{schema['default']}`"


def _allowed(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = next((choice for choice in schema.get("anyOf", ()) if choice["type"] != "null"), schema)
    if kind.get("format") == "path":
        return "a path"
    if kind["type"] != "integer":
        return "text"
    most = f" to {kind['maximum']}" if "maximum" in kind else " or more"
    return f"{kind['minimum']}{most}"


def _meaning(schema: dict[str, Any]) -> str:
    return " ".join(schema["description"].split())


@click.command()
def write_reference() -> None:
    """Write docs/configuration.md, docs/metrics.md and docs/openapi.json anew."""
    for name, content in (
        ("configuration.md", configuration()),
        ("metrics.md", metrics()),
        ("openapi.json", openapi()),
    ):
        (DOCS / name).write_text(content, encoding="utf-8")
        click.echo(DOCS / name)


if __name__ == "__main__":
    write_reference()
