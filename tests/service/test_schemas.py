from __future__ import annotations

import pytest

import earshot
from service.errors import UnusableRequestError
from service.schemas import ClassifyRequest


def read(content: object) -> ClassifyRequest:
    return ClassifyRequest.read(content, max_posts=3, max_explained_posts=16)


def problems(content: object) -> dict[str, str]:
    with pytest.raises(UnusableRequestError) as caught:
        read(content)
    return {problem.field: problem.detail for problem in caught.value.problems}


def rejection(item: object) -> earshot.Rejection:
    (found,) = read({"posts": [item]}).posts
    assert isinstance(found, earshot.Rejection)
    return found


def test_objects_and_bare_strings_become_posts() -> None:
    request = read({"posts": [{"id": "a1", "text": "one"}, {"text": "two"}, "three"]})
    assert request.posts == [earshot.Post("one", "a1"), earshot.Post("two"), earshot.Post("three")]


def test_no_posts_are_fine() -> None:
    assert read({"posts": []}).posts == []


def test_an_empty_text_is_left_to_the_model() -> None:
    assert read({"posts": [""]}).posts == [earshot.Post("")]


@pytest.mark.parametrize(
    ("item", "id", "detail"),
    [
        (None, None, "post: must be an object"),
        (3.0, None, "post: must be an object"),
        (True, None, "post: must be an object"),
        (["text"], None, "post: must be an object"),
        ({}, None, "text: is missing"),
        ({"id": "x"}, "x", "text: is missing"),
        ({"id": "x", "text": None}, "x", "text: must be a string"),
        ({"id": "x", "text": 3.0}, "x", "text: must be a string"),
        ({"id": "x", "text": "t", "txet": "t"}, "x", "txet: is unknown"),
        ({"id": 7.0, "text": "t"}, None, "id: must be a string"),
        ({"id": "\ud800", "text": "t"}, None, "id: holds half a surrogate pair"),
        ({"id": "x"} | dict.fromkeys(map(str, range(1000))), "x", "post: has 1001 fields"),
    ],
)
def test_a_bad_post_is_rejected_in_its_place_with_its_id(item: object, id: str | None, detail: str) -> None:
    found = rejection(item)
    assert (found.id, found.type) == (id, "unusable-post")
    assert found.detail.startswith(detail)


def test_a_name_in_a_message_is_short_and_encodable() -> None:
    detail = rejection({"text": "t", "\ud800" + "n" * 1000: 1.0}).detail
    assert len(detail.encode()) < 300


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([], {"body": "must be an object"}),
        ("text", {"body": "must be an object"}),
        (None, {"body": "must be an object"}),
        ({}, {"posts": "is missing"}),
        ({"posts": "text"}, {"posts": "must be a list"}),
        ({"posts": {"0": "text"}}, {"posts": "must be a list"}),
        ({"posts": [], "explian": True}, {"explian": "is unknown"}),
        ({"posts": [], "explain": "yes"}, {"explain": "must be true or false"}),
        ({"posts": [], "explain": None}, {"explain": "must be true or false"}),
        ({"posts": None, "more": 1.0}, {"posts": "must be a list", "more": "is unknown"}),
    ],
)
def test_every_field_at_fault_is_named(content: object, expected: dict[str, str]) -> None:
    assert problems(content) == expected


def test_too_many_posts_are_refused_before_any_is_looked_at() -> None:
    assert problems({"posts": [None] * 4}) == {
        "posts": "holds 4 posts, at most 3 are allowed; send several requests",
    }


def test_an_object_of_junk_is_not_looked_at_field_by_field() -> None:
    assert problems(dict.fromkeys(map(str, range(1000)))) == {"body": "has 1000 fields, far more than are known"}
