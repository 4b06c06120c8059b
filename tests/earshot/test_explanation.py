from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earshot import Pipeline, Post, Prediction, Word
from earshot.explanation import MAX_SPANS, Occlusion


def explain(pipeline: Pipeline, text: str) -> dict[str, float]:
    prediction, words = pipeline.explain(Post(text))
    assert isinstance(prediction, Prediction)
    return {text[word.start : word.end]: word.contribution for word in words}


def test_the_word_that_carries_the_decision_stands_out(tiny_pipeline: Pipeline) -> None:
    found = explain(tiny_pipeline, "  Hello, I want a Refund\n please")
    assert list(found) == ["Hello,", "I", "want", "a", "Refund", "please"]
    assert found.pop("Refund") > 0.5
    assert max(abs(contribution) for contribution in found.values()) < 0.01


def test_a_word_that_speaks_for_something_else_counts_against(tiny_pipeline: Pipeline) -> None:
    found = explain(tiny_pipeline, "refund the refund , i love it")
    assert found["love"] < 0


def test_offsets_are_those_of_the_text_as_it_was_written(tiny_pipeline: Pipeline) -> None:
    found = explain(tiny_pipeline, "&amp; 😀 “ＬＯＶＥ” https://example.org/x?y refund")
    assert list(found) == ["&amp;", "😀", "“ＬＯＶＥ”", "https://example.org/x?y", "refund"]


def test_a_single_word_carries_all_of_it(tiny_pipeline: Pipeline) -> None:
    prediction, (word,) = tiny_pipeline.explain(Post("refund"))
    assert isinstance(prediction, Prediction)
    assert word.contribution == pytest.approx(prediction.confidence - 1 / 6)


def test_nothing_to_judge_has_no_explanation(tiny_pipeline: Pipeline) -> None:
    result, words = tiny_pipeline.explain(Post(" \u200b "))
    assert not isinstance(result, Prediction)
    assert words == ()


def test_a_long_post_is_explained_in_groups_of_words_that_cover_what_is_read(tiny_pipeline: Pipeline) -> None:
    text = " ".join(f"w{number}" for number in range(1000))
    occlusion = Occlusion(Post(text), reach=len(text))
    assert len(occlusion.variants) <= MAX_SPANS
    prediction, words = tiny_pipeline.explain(Post(text))
    assert isinstance(prediction, Prediction)
    assert words[0].start == 0


@given(st.text(max_size=400))
def test_spans_are_in_order_apart_and_never_blank(tiny_pipeline: Pipeline, text: str) -> None:
    _, words = tiny_pipeline.explain(Post(text))
    assert len(words) <= MAX_SPANS
    ends = [0]
    for word in words:
        assert isinstance(word, Word)
        assert ends[-1] <= word.start < word.end <= len(text)
        assert text[word.start : word.end].strip()
        ends.append(word.end)
