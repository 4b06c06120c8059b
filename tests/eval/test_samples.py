from __future__ import annotations

import hashlib
import json

from eval.samples import SampleArrays
from tests.eval.data import TAXONOMY, prediction, rejection, sample


def test_a_record_points_to_the_text_without_holding_it() -> None:
    record = sample("billing", prediction("complaint"), text="secret words").as_record()
    assert "secret" not in json.dumps(record)
    assert record["text_sha256"] == hashlib.sha256(b"secret words").hexdigest()
    assert record["gold"]["category"] == "billing"
    assert record["prediction"]["category"] == "complaint"


def test_a_record_of_a_rejected_post_holds_the_error() -> None:
    record = sample("billing", rejection(), text="half a pair \ud83d").as_record()
    assert record["error"]["type"] == "empty-post"
    assert "prediction" not in record


def test_a_rejected_post_is_wrong_and_goes_to_a_person() -> None:
    rejected = sample("billing", rejection())
    assert rejected.wrong
    assert rejected.unsure


def test_only_what_the_model_is_unsure_of_counts_as_unsure() -> None:
    assert sample("leak", prediction("leak", review_reasons=("ambiguous",))).unsure
    assert sample("leak", prediction("leak", review_reasons=("too_short", "low_confidence"))).unsure
    assert not sample("leak", prediction("leak", review_reasons=("too_short",))).unsure


def test_labels_become_indices_and_what_is_missing_lies_outside() -> None:
    arrays = SampleArrays.of(
        [
            sample("billing", prediction("leak", 0.7, urgency="critical"), urgency="high"),
            sample("none", rejection(), urgency=None),
        ],
        TAXONOMY,
    )
    assert arrays.category.tolist() == [2, 5]
    assert arrays.predicted_category.tolist() == [4, 6]
    assert arrays.urgency.tolist() == [2, -1]
    assert arrays.predicted_urgency.tolist() == [3, 4]
    assert arrays.scores[0].argmax() == 4
    assert arrays.scores[1].sum() == 0
