from __future__ import annotations

import pytest
from pydantic import ValidationError

from earshot.records import LabelledPost
from eval.slices import ALL, UNAMBIGUOUS, Slice, default_slices, values_in


def _post(*, ambiguous: bool = False, **fields: object) -> LabelledPost:
    return LabelledPost("text", "praise", urgency="low", ambiguous=ambiguous, fields=dict(fields))


def test_every_column_must_agree() -> None:
    one = Slice(name="x", where={"source": ["forum", "chat"], "ambiguous": False, "category": "praise"})
    assert one.holds(_post(source="chat"))
    assert not one.holds(_post(source="tweet"))
    assert not one.holds(_post(source="chat", ambiguous=True))
    assert not one.holds(_post())


def test_without_conditions_every_post_is_in() -> None:
    assert ALL.holds(_post(ambiguous=True))


def test_ambiguous_posts_are_kept_out_of_the_primary_slice_where_there_are_any() -> None:
    assert default_slices([_post(), _post(ambiguous=True)]) == (UNAMBIGUOUS, ALL)
    assert default_slices([_post()]) == (ALL,)


def test_values_come_most_frequent_first() -> None:
    posts = [_post(source=value) for value in ("b", "a", "c", "c")] + [_post(), _post(source=""), _post(source=[1])]
    assert values_in(posts, "source") == ["c", "a", "b"]


def test_a_misspelt_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        Slice.model_validate({"name": "x", "were": {}})
