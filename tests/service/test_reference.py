"""What is generated from the code is what lies in `docs/`; `python -m service.reference` writes it anew."""

from __future__ import annotations

import json

from service.reference import DOCS, configuration, metrics, openapi
from service.schemas import ClassifyRequest
from service.settings import Settings


def test_the_openapi_snapshot_is_the_applications() -> None:
    # Compared as text too, so that its layout is stable.
    assert openapi() == (DOCS / "openapi.json").read_text(encoding="utf-8")


def test_the_configuration_page_is_the_settings() -> None:
    assert configuration() == (DOCS / "configuration.md").read_text(encoding="utf-8")


def test_the_metrics_page_is_the_metrics() -> None:
    assert metrics() == (DOCS / "metrics.md").read_text(encoding="utf-8")


def test_every_setting_is_explained() -> None:
    page = configuration()
    for name, field in Settings.model_fields.items():
        assert f"`{field.validation_alias or f'EARSHOT_{name.upper()}'}`" in page
    assert all(field.description for field in Settings.model_fields.values())


def test_every_reference_within_the_description_leads_somewhere() -> None:
    description = json.loads(openapi())

    def references(node: object) -> set[str]:
        if isinstance(node, list):
            return set().union(*map(references, node))
        if isinstance(node, dict):
            own = {node["$ref"]} if "$ref" in node else set()
            return own.union(*map(references, node.values()))
        return set()

    schemas = {f"#/components/schemas/{name}" for name in description["components"]["schemas"]}
    assert references(description) == schemas


def test_the_examples_of_a_request_are_requests() -> None:
    schema = json.loads(openapi())["components"]["schemas"]["ClassifyRequest"]
    (posts,) = schema["properties"]["posts"]["examples"]
    assert len(ClassifyRequest.read({"posts": posts}, max_posts=256, max_explained_posts=16).posts) == 2
