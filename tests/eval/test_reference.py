from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from eval.reference import DOCS, SCHEMAS, schema
from eval.results import SCHEMA_VERSION


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_is_that_of_the_code(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == schema(name), "run `make docs`"


def test_the_schema_names_its_version() -> None:
    version = json.loads(schema("results.schema.json"))["properties"]["schema_version"]
    assert version["default"] == SCHEMA_VERSION
    assert SCHEMA_VERSION in version["enum"]


def test_every_published_layout_refuses_what_it_does_not_know() -> None:
    for model in SCHEMAS.values():
        assert issubclass(model, BaseModel)
        assert model.model_config["extra"] == "forbid"
