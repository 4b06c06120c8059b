from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from earshot import Taxonomy, TaxonomyError
from earshot.taxonomy import Category, Urgency

LABELS = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], exclude_characters=";"), min_size=1).filter(
    lambda name: name == name.strip() and len(name) <= 100
)
DEPARTMENTS = st.none() | st.text(max_size=10)


@st.composite
def taxonomies(draw: st.DrawFn) -> Taxonomy:
    names = draw(st.lists(LABELS, min_size=2, max_size=8, unique=True))
    levels = draw(st.just([]) | st.lists(LABELS, min_size=2, max_size=5, unique=True))
    return Taxonomy(
        name=draw(LABELS),
        version=draw(st.integers(1, 99)),
        categories=tuple(Category(name=name, route=draw(DEPARTMENTS)) for name in names),
        out_of_scope=draw(st.none() | st.sampled_from(names)),
        urgencies=tuple(Urgency(name=name, definition=draw(st.text(max_size=10))) for name in levels),
    )


@given(taxonomies())
def test_a_taxonomy_comes_back_from_json_as_it_was(taxonomy: Taxonomy) -> None:
    back = Taxonomy.model_validate_json(taxonomy.model_dump_json())
    assert back == taxonomy
    assert back.category_names == taxonomy.category_names
    assert back.urgency_names == taxonomy.urgency_names


def test_the_default_is_the_contracts() -> None:
    taxonomy = Taxonomy.default()
    assert taxonomy.routes == {
        "complaint": "customer-care",
        "feature-request": "product",
        "billing": "billing",
        "praise": "marketing",
        "leak": "communications",
        "none": None,
    }
    assert taxonomy.category_names == tuple(taxonomy.routes)
    assert taxonomy.urgency_names == ("low", "medium", "high", "critical")
    assert taxonomy.out_of_scope == "none"
    assert all(category.definition and category.examples for category in taxonomy.categories)


def test_json_and_toml_files_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "taxonomy.json"
    path.write_text(Taxonomy.default().model_dump_json(), encoding="utf-8")
    assert Taxonomy.load(path) == Taxonomy.default()


def test_a_changed_copy_names_its_own_labels() -> None:
    taxonomy = Taxonomy.default()
    assert taxonomy.category_names[0] == "complaint"
    turned = taxonomy.model_copy(update={"categories": taxonomy.categories[::-1]})
    assert turned.category_names[0] == "none"


TWO = [{"name": "a"}, {"name": "b"}]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"name": "t", "categories": TWO[:1]}, "categories"),
        ({"name": "t", "categories": [*TWO, {"name": "a"}]}, "category named more than once: a"),
        ({"name": "t", "categories": TWO, "urgencies": [{"name": "x"}, {"name": "x"}]}, "urgency named more than once"),
        ({"name": "t", "categories": TWO, "urgencies": [{"name": "x"}]}, "at least two, or none"),
        ({"name": "t", "categories": TWO, "out_of_scope": "c"}, "'c' is not among the categories"),
        ({"name": "t", "categories": TWO, "colour": 1}, "colour"),
        ({"categories": TWO}, "name"),
        ({"name": "t", "categories": [{"name": "a;b"}, {"name": "c"}]}, r"categories\.0\.name"),
        ({"name": "t", "categories": [{"name": " a"}, {"name": "c"}]}, r"categories\.0\.name"),
        ({"name": "t", "categories": [{"name": "a "}, {"name": "c"}]}, r"categories\.0\.name"),
        ({"name": "t", "categories": [{"name": "a\nb"}, {"name": "c"}]}, r"categories\.0\.name"),
        ({"name": "t", "categories": [{"name": ""}, {"name": "c"}]}, r"categories\.0\.name"),
        ([], "dictionary"),
    ],
)
def test_an_inconsistent_file_is_refused_with_file_and_reason(tmp_path: Path, content: object, complaint: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(TaxonomyError, match=rf"broken\.json.*{complaint}"):
        Taxonomy.load(path)


@pytest.mark.parametrize(("name", "content"), [("t.toml", b"= 1"), ("t.json", b"{"), ("t.toml", b"\xff\xfe")])
def test_a_file_in_no_known_format_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TaxonomyError, match=rf"{name}.* is not readable as TOML or JSON"):
        Taxonomy.load(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=r"cannot read taxonomy .*: No such file"):
        Taxonomy.load(tmp_path / "nowhere.toml")


def test_nobody_changes_a_taxonomy_in_use() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Taxonomy.default().__setattr__("name", "other")
