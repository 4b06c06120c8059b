"""Writes what is documented from the code: `python -m service.reference`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from service.app import create_app
from service.settings import ENV_PREFIX, Settings

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
        f"| `{ENV_PREFIX}{name.upper()}` | {_default(schema)} | {_allowed(schema)} | {_meaning(schema)} |"
        for name, schema in properties.items()
    )
    return _INTRODUCTION + "\n".join(rows) + "\n"


def openapi() -> str:
    """The OpenAPI description, as the service with default settings gives it."""
    # `model_construct` takes the defaults and leaves this machine's environment alone.
    return json.dumps(create_app(Settings.model_construct()).openapi(), indent=2, ensure_ascii=False) + "\n"


def _default(schema: dict[str, Any]) -> str:
    return "–" if schema["default"] is None else f"`{schema['default']}`"


def _allowed(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = next((choice for choice in schema.get("anyOf", ()) if choice["type"] != "null"), schema)
    if kind["type"] != "integer":
        return "text"
    most = f" to {kind['maximum']}" if "maximum" in kind else " or more"
    return f"{kind['minimum']}{most}"


def _meaning(schema: dict[str, Any]) -> str:
    return " ".join(schema["description"].split())


@click.command()
def write_reference() -> None:
    """Write docs/configuration.md and docs/openapi.json anew."""
    for name, content in (("configuration.md", configuration()), ("openapi.json", openapi())):
        (DOCS / name).write_text(content, encoding="utf-8")
        click.echo(DOCS / name)


if __name__ == "__main__":
    write_reference()
