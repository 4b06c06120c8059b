"""Writes what is documented from the code: `python -m eval.reference`."""

from __future__ import annotations

import json
from pathlib import Path

import click
from pydantic import BaseModel

from eval.comparison import Comparison
from eval.results import EvaluationResults

DOCS = Path(__file__).resolve().parents[1] / "docs"

SCHEMAS: dict[str, type[BaseModel]] = {
    "results.schema.json": EvaluationResults,
    "comparison.schema.json": Comparison,
}
"""The JSON Schema of each file that programs read, by its name in docs."""


def schema(name: str) -> str:
    """One JSON Schema, as it is published."""
    content = {"$schema": "https://json-schema.org/draft/2020-12/schema", **SCHEMAS[name].model_json_schema()}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write all of them."""
    for name in SCHEMAS:
        (DOCS / name).write_text(schema(name), encoding="utf-8")
        click.echo(f"wrote {DOCS / name}")


if __name__ == "__main__":
    main()
