from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from service import schemas
from service.examples import EXAMPLES
from service.feedback import schemas as feedback
from service.inference_protocol import schemas as inference
from service.reference import openapi
from service.wire import Received

DESCRIPTION = json.loads(openapi())


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_is_what_its_schema_says(name: str) -> None:
    (model,) = {getattr(module, name) for module in (schemas, inference, feedback) if hasattr(module, name)}
    assert issubclass(model, BaseModel)
    if name == "ClassifyRequest":
        read = schemas.ClassifyRequest.read(EXAMPLES[name], max_posts=256, max_explained_posts=16)
        assert len(read.posts) == 2
    elif issubclass(model, Received):
        model.model_validate(EXAMPLES[name])
    else:
        model.model_validate_json(json.dumps(EXAMPLES[name]), extra="forbid")


@pytest.mark.parametrize("path", DESCRIPTION["paths"])
def test_every_answer_and_every_body_has_an_example(path: str) -> None:
    for method, operation in DESCRIPTION["paths"][path].items():
        for name, body in {"request": operation.get("requestBody", {}), **operation["responses"]}.items():
            for kind, content in body.get("content", {}).items():
                shown = content.keys() & {"example", "examples"} or content["schema"].get("format") == "binary"
                assert shown, f"{method} {path}: {name}, {kind}"
