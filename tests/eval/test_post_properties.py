from __future__ import annotations

import pytest

from earshot.records import LabelledPost
from eval.post_properties import PROPERTIES
from eval.slices import Slice, default_columns


def _post(text: str, **fields: object) -> LabelledPost:
    return LabelledPost(text=text, category="none", fields=dict(fields))


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("post.length", "short", "up to 40 characters"),
        ("post.length", "x" * 141, "141 to 280"),
        ("post.length", "x" * 2000, "over 1,000"),
        ("post.capitals", "WHY IS IT DOWN", "mostly capitals"),
        ("post.capitals", "Why is it down", "ordinary"),
        ("post.capitals", "OK 5", None),
        ("post.emoji", "nice 😍", "with emoji"),
        ("post.emoji", "nice :)", "without"),
        ("post.link", "see https://ondavo.example/x", "with link"),
        ("post.link", "see the www", "without"),
        ("post.handle", "@Bramlow hi", "with handle"),
        ("post.handle", "mail me at me@bramlow.example", "without"),
        ("post.hashtag", "so good #fyi", "with hashtag"),
        ("post.spelling", "The colour of my favourite tyre", "British"),
        ("post.spelling", "The color of my favorite tires", "American"),
        ("post.spelling", "The app is slow", None),
        ("post.topics", "anything", "one"),
    ],
)
def test_a_property_is_seen_in_the_text(column: str, text: str, value: str | None) -> None:
    assert PROPERTIES[column](_post(text)) == value


def test_a_post_with_a_secondary_category_has_two_topics() -> None:
    post = LabelledPost(text="x", category="billing", secondary=("complaint",))
    assert PROPERTIES["post.topics"](post) == "two or more"


def test_a_slice_may_ask_for_a_property() -> None:
    loud = Slice(name="loud", where={"post.capitals": "mostly capitals"})
    assert loud.holds(_post("WHY IS IT DOWN"))
    assert not loud.holds(_post("why is it down"))


def test_the_usual_columns_are_looked_at_where_the_data_has_them() -> None:
    columns = default_columns([_post("the app is slow", source="forum", shoe_size=43, sarcasm=True)])
    assert "source" in columns and "sarcasm" in columns and "post.length" in columns
    assert "channel" not in columns and "shoe_size" not in columns and "post.spelling" not in columns
