from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earshot import Bundle, Pipeline, Post, Prediction
from earshot.reference import Reference, confidence_bin, stability_index


def test_the_index_by_hand() -> None:
    # (0.75 - 0.5) ln(0.75 / 0.5) + (0.25 - 0.5) ln(0.25 / 0.5)
    by_hand = 0.25 * math.log(1.5) - 0.25 * math.log(0.5)
    assert stability_index({"a": 0.5, "b": 0.5}, {"a": 3, "b": 1}) == pytest.approx(by_hand)


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 1000), min_size=1))
def test_the_same_mix_has_an_index_of_zero_and_another_more(counts: dict[str, int]) -> None:
    total = sum(counts.values())
    shares = {name: count / total for name, count in counts.items()}
    assert stability_index(shares, counts) == pytest.approx(0, abs=1e-9)
    assert stability_index(shares, {"g": 1}) > 0.25


@given(st.floats(0, 1))
def test_every_confidence_has_its_tenth(confidence: float) -> None:
    low = float(confidence_bin(confidence))
    assert low <= confidence + 1e-9
    assert confidence <= low + 0.1 + 1e-9


def test_a_bundle_keeps_its_reference_and_its_digest(tiny_bundle: Bundle, tiny_pipeline: Pipeline) -> None:
    results = tiny_pipeline.predict([Post("a refund today"), Post("a refund"), Post("I love it"), Post("")])
    predictions = [result for result in results if isinstance(result, Prediction)]
    written = tiny_bundle.with_reference(Reference.of(predictions, source="made up"))
    again = Bundle.load(tiny_bundle.folder)
    assert again.identity == written.identity == tiny_bundle.identity
    assert again.manifest.reference is not None
    assert again.manifest.reference.category == pytest.approx({"billing": 2 / 3, "praise": 1 / 3}, abs=1e-6)
    assert again.manifest.reference.n == 3
