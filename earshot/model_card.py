"""The model card: Markdown for people and Hugging Face metadata for programs, from the manifest alone.

Knows nothing of the bundle's folder, clocks or networks: the same manifest gives the same card, byte for byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from earshot.bundle import EvaluationSummary, Figure, Manifest, TrainingInfo
from earshot.taxonomy import Taxonomy

_ABBREVIATIONS = {
    "f1": "F1",
    "ece": "ECE",
    "aurc": "AURC",
    "brier": "Brier score",
    "int8": "int8",
    "onnx": "ONNX",
    "fp32": "fp32",
}
_PER_LABEL = re.compile(r"(?P<metric>\w+)\[(?P<label>.+)\]")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")

_ATTRIBUTIONS = {
    "all-minilm-l6-v2": (
        "[sentence-transformers/all-MiniLM-L6-v2](https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2) "
        "(Apache-2.0), trained by its authors from "
        "[nreimers/MiniLM-L6-H384-uncased](https://huggingface.co/nreimers/MiniLM-L6-H384-uncased) (MIT); "
        "Reimers & Gurevych 2019 (arXiv 1908.10084), Wang et al. 2020 (arXiv 2002.10957)"
    ),
}
"""Whom to thank for known encoders, by a part of the base model's id."""


def render_card(manifest: Manifest) -> str:
    """Write the model card of a bundle.

    Args:
        manifest: The bundle's manifest; its `evaluation` may be empty.

    Returns:
        Markdown that opens with Hugging Face's YAML front matter.
    """
    sections = (
        _title(manifest),
        _use(manifest),
        _labels(manifest.taxonomy),
        _evaluation(manifest),
        _decisions(manifest),
        _training(manifest),
        _parity(manifest.training),
        _how_to_use(manifest),
        _licence(manifest),
    )
    return _front_matter(manifest) + "\n" + "\n\n".join(sections) + "\n"


# --- Hugging Face metadata -------------------------------------------------------------------------------------


def _front_matter(manifest: Manifest) -> str:
    metadata: dict[str, Any] = {
        "language": list(manifest.limits.languages),
        "license": manifest.base_model.licence.lower(),
        "library_name": "earshot",
        "pipeline_tag": "text-classification",
        "tags": ["text-classification", "post-triage", "onnx", "calibrated", manifest.architecture],
    }
    if _HUB_ID.fullmatch(manifest.base_model.id):
        metadata["base_model"] = manifest.base_model.id
    if manifest.evaluation:
        results = [_index_entry(summary) for summary in manifest.evaluation]
        metadata["model-index"] = [{"name": manifest.name, "results": results}]
    return "---\n" + "\n".join(_yaml(metadata)) + "\n---\n"


def _index_entry(summary: EvaluationSummary) -> dict[str, Any]:
    return {
        "task": {"type": "text-classification", "name": "Post triage"},
        "dataset": {
            "type": summary.suite,
            "name": f"{summary.suite}, slice {summary.slice}",
            "revision": f"sha256:{summary.data_sha256}",
            "args": {"slice": summary.slice, "n": summary.n},
        },
        "metrics": [
            {
                "type": figure.metric,
                "name": _metric_name(figure.metric),
                "value": round(figure.value, 6),
                "args": {
                    "low": round(figure.low, 6),
                    "high": round(figure.high, 6),
                    "confidence_level": summary.confidence_level,
                    "seed": summary.seed,
                },
            }
            for figure in summary.figures
            if not _PER_LABEL.fullmatch(figure.metric)
        ],
    }


def _yaml(value: Any, indent: int = 0) -> list[str]:  # noqa: ANN401 - any value that JSON can hold
    """Block style for containers; scalars as JSON, which YAML reads as they are."""
    space = "  " * indent
    lines: list[str] = []
    if isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(item, Mapping | list) and item:
                lines += [f"{space}{key}:", *_yaml(item, indent + 1)]
            else:
                lines.append(f"{space}{key}: {_scalar(item)}")
        return lines
    for item in value:
        if isinstance(item, Mapping | list) and item:
            first, *rest = _yaml(item, indent + 1)
            lines += [f"{space}- {first.lstrip()}", *rest]
        else:
            lines.append(f"{space}- {_scalar(item)}")
    return lines


def _scalar(value: Any) -> str:  # noqa: ANN401 - any value that JSON can hold
    return json.dumps(value, ensure_ascii=False)


# --- Markdown --------------------------------------------------------------------------------------------------


def _title(manifest: Manifest) -> str:
    taxonomy = manifest.taxonomy
    urgency = (
        f", one of {len(taxonomy.urgencies)} urgencies from {taxonomy.urgency_names[0]} to {taxonomy.urgency_names[-1]}"
        if taxonomy.urgencies
        else ""
    )
    kind = {
        "encoder": f"A fine-tuned transformer encoder (started from {_code(manifest.base_model.id)})",
        "tfidf": "A linear model over TF-IDF features, a baseline",
    }[manifest.architecture]
    return "\n\n".join(
        (
            f"# {manifest.name} {manifest.version}",
            f"A post comes in; out come one of {len(taxonomy.categories)} categories{urgency}, calibrated scores, "
            "and whether a person should look.",
            f"{kind}, exported to ONNX ({manifest.precision}), in an Earshot bundle.",
            _table(
                ("", ""),
                (
                    ("Digest", _code(manifest.digest)),
                    ("Written", manifest.created_at),
                    ("Taxonomy", f"{_code(taxonomy.name)}, version {taxonomy.version}"),
                ),
            ),
        )
    )


def _use(manifest: Manifest) -> str:
    limits = manifest.limits
    return f"""## Intended use and limits

For sorting posts to and about a company (messages, reviews, forum posts, e-mails) so that people answer the right ones
first. A post that the model is unsure of is marked `needs_review`; have a person read those.

- Not for decisions about people: an urgency ranks posts, it does not judge authors. Don't close, refuse or penalize
  anything on its word alone.
- Languages: {", ".join(limits.languages)}. A post plainly in another language, by its script or by its commonest
  words, is flagged, not understood.
- At most {limits.max_tokens} tokens ({limits.max_characters} characters) of a post are read; what was cut is reported
  as `truncated`.
- Scores are calibrated to data like the training and validation data. Where the mix of posts differs, confidence
  and the share of each category shift: judge the model on labelled posts of your own (`earshot eval run`).
- It reads one post by itself: no thread, no picture, no knowledge of what the company has announced since."""


def _labels(taxonomy: Taxonomy) -> str:
    categories = _table(
        ("category", "route", "test question"),
        ((_code(label.name), label.route or "–", label.definition or "–") for label in taxonomy.categories),
    )
    parts = ["## Labels", "Each post gets exactly one category.", categories]
    if taxonomy.out_of_scope is not None:
        parts.append(f"{_code(taxonomy.out_of_scope)} is the out-of-scope category: none of the others.")
    if taxonomy.urgencies:
        levels = ((_code(level.name), level.definition or "–") for level in taxonomy.urgencies)
        parts += ["Urgencies, from lowest to highest:", _table(("urgency", "test"), levels)]
    return "\n\n".join(parts)


def _evaluation(manifest: Manifest) -> str:
    if not manifest.evaluation:
        return (
            "## Evaluation\n\nNot evaluated yet. `earshot eval run --model BUNDLE --suite benchmark -o DIR` judges it, "
            "`earshot eval card --model BUNDLE --results DIR` writes what was found here."
        )
    said = (_summary(summary, manifest.digest) for summary in manifest.evaluation)
    return "\n\n".join(("## Evaluation", *said))


def _summary(summary: EvaluationSummary, digest: str) -> str:
    level = f"{summary.confidence_level:.0%} interval"
    overall = [figure for figure in summary.figures if not _PER_LABEL.fullmatch(figure.metric)]
    checks = any(figure.metric == _HOLDING for figure in summary.figures)
    unit = "cases" if checks else "posts"
    method = "by Wilson's formula" if checks else f"by a bootstrap with seed {summary.seed}"
    parts = [
        f"### Suite {_code(summary.suite)}, slice {_code(summary.slice)}, {summary.n:,} {unit}",
        _table(
            ("metric", "value", level),
            ((_metric_name(figure.metric), f"{figure.value:.3f}", _interval(figure)) for figure in overall),
        ),
    ]
    parts += _per_label_tables(summary.figures)
    parts.append(
        f"n = {summary.n:,}; {level}s {method}; "
        f"data SHA-256 {_code(summary.data_sha256)}; bundle {_code(digest)}; command {_code(summary.command)}."
    )
    return "\n\n".join(parts)


def _per_label_tables(figures: Sequence[Figure]) -> list[str]:
    """One table per group of `metric[label]` figures: metrics of one group share their labels."""
    by_label: dict[str, dict[str, Figure]] = {}
    for figure in figures:
        if match := _PER_LABEL.fullmatch(figure.metric):
            by_label.setdefault(match["label"], {})[match["metric"]] = figure
    by_metrics: dict[tuple[str, ...], list[str]] = {}
    ranked = any(_AVERAGE_PRECISION in row for row in by_label.values())
    for label, row in by_label.items():
        by_metrics.setdefault(_group(row, ranked=ranked), []).append(label)
    tables = []
    for metrics, labels in by_metrics.items():
        rows = ((_code(label), *(_with_interval(by_label[label].get(name)) for name in metrics)) for label in labels)
        tables.append(_table(("label", *(_metric_name(name) for name in metrics)), rows))
    return tables


def _group(row: Mapping[str, Figure], *, ranked: bool) -> tuple[str, ...]:
    """The columns a label's figures belong under, whether or not each of them is defined for the label."""
    own = [name for name in row if name != _AVERAGE_PRECISION]
    prefixes = dict.fromkeys(name.removesuffix(end) for name in own for end in _ENDS if name.endswith(end))
    columns = tuple(prefix + end for prefix in prefixes for end in _ENDS)
    return (*columns, _AVERAGE_PRECISION) if ranked and "" in prefixes else columns or tuple(row)


_ENDS = ("precision", "recall", "f1")
_AVERAGE_PRECISION = "average_precision"
"""Only categories have it."""
_HOLDING = "pass_rate"
"""Of behaviour tests, which consist of cases."""


def _decisions(manifest: Manifest) -> str:
    calibration, thresholds = manifest.calibration, manifest.thresholds
    rows = [
        ("category temperature", calibration.category_temperature, "divides category logits before the softmax"),
        ("secondary scale", calibration.secondary_scale, "multiplies secondary logits before the sigmoid"),
        ("secondary shift", calibration.secondary_shift, "is added to them"),
        ("minimum confidence", thresholds.min_confidence, "below it: `low_confidence`"),
        ("minimum margin", thresholds.min_margin, "between the two best categories; below it: `ambiguous`"),
        ("minimum secondary", thresholds.min_secondary, "from it on a category is secondary"),
    ]
    if manifest.taxonomy.urgencies:
        meaning = "divides urgency logits before the sigmoid"
        rows.insert(3, ("urgency temperature", calibration.urgency_temperature, meaning))
    table = _table(("parameter", "value", "meaning"), ((name, f"{value:.4g}", text) for name, value, text in rows))
    return f"## Calibration and thresholds\n\nFitted on the validation split, never on evaluation data.\n\n{table}"


def _training(manifest: Manifest) -> str:
    training = manifest.training
    parts = ["## Training"]
    if training.data:
        rows = (
            (_code(data.name), f"{data.rows:,}", f"{data.skipped_rows:,}", _licences(data.licences), _code(data.sha256))
            for data in training.data
        )
        parts.append(_table(("file", "rows", "left out", "licences (rows)", "SHA-256"), rows))
    else:
        parts.append("The manifest names no training data.")
    if training.teachers:
        teachers = ", ".join(f"{one.name} {one.version} ({_code(one.digest)})" for one in training.teachers)
        parts.append(f"Distilled: besides labels it learned from the averaged scores of {teachers}.")
    if manifest.taxonomy.name == "earshot-default":
        parts.append(
            "The data sets that come with Earshot (real posts from public sets, and posts written for this project by "
            "language-model authors) were labelled by language-model annotators, not by people: they read each post "
            "against a written guide, without keywords or hints. Readers of one family agree more with each other "
            "than people would. The class balance is enriched for rare categories: the true share of leaks in a "
            "stream is far smaller, so expect lower precision there."
        )
    if training.validation:
        parts.append(
            "Figures on the validation split. It also chose calibration and thresholds, so they are optimistic:\n\n"
            + _number_table(training.validation)
        )
    versions = ", ".join(f"{name} {version}" for name, version in sorted(training.packages.items()))
    parts.append(
        f"Seed {training.seed}; command {_code(training.command)}" + (f"; with {versions}" if versions else "") + "."
    )
    if training.config:
        config = json.dumps(training.config, indent=2, sort_keys=True, ensure_ascii=False)
        parts.append(f"<details><summary>Configuration</summary>\n\n```json\n{config}\n```\n\n</details>")
    return "\n\n".join(parts)


def _parity(training: TrainingInfo) -> str:
    if not training.parity:
        return "## Parity of the exported graph\n\nNot recorded."
    return (
        "## Parity of the exported graph\n\nDifferences from the network that the graph was exported from:\n\n"
        + _number_table(training.parity)
    )


def _how_to_use(manifest: Manifest) -> str:
    example = next((category.examples[0] for category in manifest.taxonomy.categories if category.examples), "A post.")
    return f"""## How to use

```
earshot classify {json.dumps(example, ensure_ascii=False)} --model BUNDLE
earshot serve --model BUNDLE
```

```python
from earshot import Pipeline

prediction = Pipeline.load("BUNDLE").classify({json.dumps(example, ensure_ascii=False)})
print(prediction.category, prediction.confidence, prediction.urgency, prediction.needs_review)
```

`BUNDLE` is the folder that holds this card. Every file's SHA-256 and the golden predictions are checked when it
is loaded."""


def _licence(manifest: Manifest) -> str:
    base = manifest.base_model
    digest = f" (weights SHA-256 {_code(base.sha256)})" if base.sha256 else ""
    parts = [
        "## Licence and attribution",
        "Earshot's code is under Apache-2.0. "
        + (
            f"These weights derive from {_code(base.id)}{digest}, licence {base.licence}."
            if manifest.architecture == "encoder"
            else f"These weights were trained from nothing ({_code(base.id)}), licence {base.licence}."
        ),
    ]
    known = [text for part, text in _ATTRIBUTIONS.items() if part in base.id.lower().replace("_", "-")]
    parts += [f"The base encoder is {text}." for text in known]
    names = sorted({name for data in manifest.training.data for name in data.licences})
    if names:
        parts.append(f"The training posts are under {', '.join(names)}; none of their texts is in the bundle.")
    return "\n\n".join(parts)


def _metric_name(metric: str) -> str:
    """A metric's key as words: `macro_f1` is "macro F1"."""
    match = _PER_LABEL.fullmatch(metric)
    words = (match["metric"] if match else metric).split("_")
    name = " ".join(_ABBREVIATIONS.get(word, word) for word in words)
    return f"{name} of {match['label']}" if match else name


def _interval(figure: Figure) -> str:
    return f"{figure.low:.3f} – {figure.high:.3f}"


def _with_interval(figure: Figure | None) -> str:
    return "–" if figure is None else f"{figure.value:.3f} ({_interval(figure)})"


def _licences(licences: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({rows:,})" for name, rows in sorted(licences.items())) or "not stated"


def _number_table(numbers: Mapping[str, float]) -> str:
    return _table(("figure", "value"), ((_metric_name(name), f"{value:.4g}") for name, value in numbers.items()))


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"
