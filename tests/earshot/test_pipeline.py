from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earshot import (
    Bundle,
    BundleIntegrityError,
    Pipeline,
    Post,
    Prediction,
    Predictor,
    Rejection,
    SessionError,
    Taxonomy,
)
from earshot.bundle import Golden
from earshot.taxonomy import Category
from tests.tiny import KEYWORDS, URGENT, write_tiny_bundle

TOLERANCE = 1e-5
"""Of the contract: how far the scores of the same text may lie apart, in whatever company it is judged."""

WORDS = st.sampled_from([*KEYWORDS, *URGENT, "the", "@acme", "!!!", "😡", "&amp;", "\u200d", "\ud83d", "где"])
TEXTS = st.lists(WORDS, max_size=60).map(" ".join) | st.text(
    st.characters(categories=["C", "L", "M", "N", "P", "S", "Z"])
)


def numbers(prediction: Prediction) -> list[float]:
    return [*prediction.scores.values(), *prediction.urgency_scores.values()]


def judged(pipeline: Pipeline, text: str) -> Prediction:
    return pipeline.classify(text)


def test_the_keyword_decides_the_tiny_models_category(tiny_pipeline: Pipeline) -> None:
    for word, category in KEYWORDS.items():
        assert judged(tiny_pipeline, f"well {word} indeed").category == category


def test_urgency_follows_the_most_urgent_word(tiny_pipeline: Pipeline) -> None:
    levels = [judged(tiny_pipeline, f"a refund {word}").urgency for word in ("later", *URGENT)]
    assert levels == ["low", "medium", "high", "critical"]


@given(st.lists(TEXTS, max_size=12))
def test_every_text_gets_one_result_in_its_place(tiny_pipeline: Pipeline, texts: list[str]) -> None:
    posts = [Post(text, id=str(index)) for index, text in enumerate(texts)]
    results = tiny_pipeline.predict(posts)
    assert [result.id for result in results] == [post.id for post in posts]
    for result in results:
        if isinstance(result, Prediction):
            assert sum(result.scores.values()) == pytest.approx(1, abs=1e-9)
            assert sum(result.urgency_scores.values()) == pytest.approx(1, abs=1e-9)
            assert result.needs_review == bool(result.review_reasons)


@given(st.lists(TEXTS, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_same_text_gets_the_same_scores_in_any_batch_and_order(
    tiny_pipeline: Pipeline, texts: list[str], order: random.Random
) -> None:
    shuffled = order.sample(range(len(texts)), len(texts))
    together = tiny_pipeline.predict([Post(texts[index]) for index in shuffled])
    for index, result in zip(shuffled, together, strict=True):
        (alone,) = tiny_pipeline.predict([Post(texts[index])])
        assert type(alone) is type(result)
        if isinstance(alone, Prediction) and isinstance(result, Prediction):
            np.testing.assert_allclose(numbers(result), numbers(alone), atol=TOLERANCE, rtol=0)
            assert result.category == alone.category


def test_the_same_text_gets_the_same_scores_from_many_threads_at_once(tiny_pipeline: Pipeline) -> None:
    texts = [f"{word} {other}" for word in KEYWORDS for other in (*KEYWORDS, *URGENT)]
    expected = [numbers(judged(tiny_pipeline, text)) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: numbers(judged(tiny_pipeline, text)), texts * 5))
    np.testing.assert_allclose(found, expected * 5, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("text", ["", "  \n", "\u200b\u2060", "\ud83d", "\x00\x07", "&#8203;"])
def test_a_post_without_a_visible_character_is_rejected_in_its_place(tiny_pipeline: Pipeline, text: str) -> None:
    first, blank, last = tiny_pipeline.predict([Post("add this"), Post(text, id="b"), Post("add that")])
    assert isinstance(blank, Rejection)
    assert (blank.id, blank.type) == ("b", "empty-post")
    assert isinstance(first, Prediction)
    assert isinstance(last, Prediction)
    with pytest.raises(ValueError, match="no visible character"):
        tiny_pipeline.classify(text)


def test_no_posts_give_no_results(tiny_pipeline: Pipeline) -> None:
    assert tiny_pipeline.predict([]) == []


@pytest.mark.parametrize(
    "text", ["refund 💸💸", "refund\x00\x1b[31m now", "refund \ud83d now", "REFUND\u202e&nbsp;now"]
)
def test_odd_characters_do_not_hide_the_words(tiny_pipeline: Pipeline, text: str) -> None:
    assert judged(tiny_pipeline, text).category == "billing"


@pytest.mark.parametrize("text", ["refund now " * 2_000, "refund now " + "x" * 20_000, "refund now\n" + "😡" * 20_000])
def test_a_huge_post_is_judged_by_its_beginning(tiny_pipeline: Pipeline, text: str) -> None:
    prediction = judged(tiny_pipeline, text)
    assert (prediction.category, prediction.truncated) == ("billing", True)


def test_white_space_around_a_post_is_not_its_end_cut_off(tiny_pipeline: Pipeline) -> None:
    prediction = judged(tiny_pipeline, "\n" * 9_000 + "a refund" + " " * 9_000)
    assert (prediction.category, prediction.truncated) == ("billing", False)


def test_the_two_halves_make_the_whole(tiny_pipeline: Pipeline) -> None:
    posts = [Post("I love it"), Post(" "), Post("it leaked today")]
    assert tiny_pipeline.judge(tiny_pipeline.prepare(posts)) == tiny_pipeline.predict(posts)


def test_a_pipeline_is_a_predictor(tiny_pipeline: Pipeline) -> None:
    predictor: Predictor = tiny_pipeline
    assert predictor.identity.name == "tiny"
    assert predictor.taxonomy == Taxonomy.default()


def test_another_taxonomy_is_another_classifier(tiny_bundle: Bundle) -> None:
    taxonomy = Taxonomy(name="two", categories=(Category(name="praise"), Category(name="billing", route="till")))
    bundle = write_tiny_bundle(tiny_bundle.folder.parent / "two", taxonomy=taxonomy)
    with Pipeline(bundle) as pipeline:
        prediction = pipeline.classify("a refund please")
    assert (prediction.category, prediction.route, prediction.urgency) == ("billing", "till", None)
    assert list(prediction.scores) == ["praise", "billing"]


def test_a_graph_with_another_label_order_is_refused(tiny_bundle: Bundle) -> None:
    turned = Taxonomy.default().category_names[::-1]
    bundle = write_tiny_bundle(tiny_bundle.folder.parent / "turned", labels={"categories": turned})
    with pytest.raises(BundleIntegrityError, match=r"model\.onnx puts out the categories \['none'.*another bundle"):
        Pipeline(bundle)


def test_a_graph_with_another_urgency_order_is_refused(tiny_bundle: Bundle) -> None:
    turned = Taxonomy.default().urgency_names[::-1]
    bundle = write_tiny_bundle(tiny_bundle.folder.parent / "turned", labels={"urgencies": turned})
    with pytest.raises(BundleIntegrityError, match="puts out the urgencies"):
        Pipeline(bundle)


def test_a_graph_with_fewer_outputs_than_labels_is_refused(tiny_bundle: Bundle) -> None:
    bundle = write_tiny_bundle(tiny_bundle.folder.parent / "few", labels={"categories": ("a", "b")})
    with pytest.raises(SessionError, match="names labels for"):
        Pipeline(bundle)


GOOD = Golden(text="a refund", scores=(0.0, 0.0, 1.0, 0.0, 0.0, 0.0), urgency_scores=(1.0, 0.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("golden", "complaint"),
    [
        (GOOD.model_copy(update={"scores": (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)}), r"golden post 1 differs by 0\.9"),
        (GOOD.model_copy(update={"urgency_scores": (0.0, 0.0, 0.0, 1.0)}), r"golden post 1 differs by 1\.0"),
        (GOOD.model_copy(update={"scores": (0.0, 1.0)}), "golden post 1 has 6 scores, the model gives 10"),
        (GOOD.model_copy(update={"text": " "}), "golden post 1 is rejected"),
    ],
)
def test_a_model_that_misses_a_golden_prediction_is_refused(
    tiny_bundle: Bundle, golden: Golden, complaint: str
) -> None:
    manifest = tiny_bundle.manifest.model_copy(update={"golden": (GOOD, golden)})
    with pytest.raises(BundleIntegrityError, match=rf"tiny: {complaint}"):
        Pipeline(Bundle(tiny_bundle.folder, manifest))


def test_a_score_that_is_no_number_does_not_pass_for_a_golden_one(tiny_pipeline: Pipeline) -> None:
    bundle = tiny_pipeline.bundle
    results = [tiny_pipeline.classify(golden.text) for golden in bundle.manifest.golden]
    spoiled = replace(results[0], scores=results[0].scores | {"none": float("nan")})
    with pytest.raises(BundleIntegrityError, match="golden post 0 differs by nan"):
        bundle.check_golden([spoiled, *results[1:]])


def test_loading_by_folder_verifies_and_serves(tiny_bundle: Bundle) -> None:
    with Pipeline.load(tiny_bundle.folder, threads=1) as pipeline:
        assert pipeline.identity == tiny_bundle.identity
