"""One self-contained `report.html`: what was found, in plain words first, with pictures, and the worst errors to read.

It alone holds posts' texts. Knows nothing of how figures are computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jinja2

from earshot.post import Prediction
from earshot.records import LabelledPost
from eval.checks import KINDS, JudgedCase
from eval.differences import related_p, said_p
from eval.metrics import DEFINITIONS, URGENCY, behaviour, latency, lower_is_better, scope, triage
from eval.results import ConfusionMatrix, EvaluationResults, Figure
from eval.samples import Sample

KEY_METRICS = (
    "macro_f1",
    "accuracy",
    "urgency_quadratic_kappa",
    "urgency_under_triage",
    "urgency_critical_missed",
    "review_share",
    "error_among_rest",
    "ece",
)
"""Shown first, in this order."""
GROUP_METRICS = ("macro_f1", "accuracy", "urgency_quadratic_kappa", "error_among_rest")
SMALL = 30
"""Below so many posts a figure says little; the report marks it."""

_UNBOUNDED = frozenset({"brier", "urgency_mean_absolute_error"})
"""Metrics that may exceed 1, and are not drawn on a scale from 0 to 1."""
_SHARES = frozenset(
    {
        "accuracy",
        "review_share",
        "error_among_rest",
        "urgency_accuracy",
        "secondary_exact_match",
        *triage.DEFINITIONS,
        *scope.DEFINITIONS,
        *behaviour.DEFINITIONS,
    }
)
_PERCENT = "\u00a0%"
_MAX_MATRIX = 24
_SHOWN_ERRORS = 15
_SHOWN_FAILURES = 5
_SHOWN_CONFUSIONS = 20
_MAX_TEXT = 1000


@dataclass(frozen=True, slots=True)
class Miss:
    """A wrong prediction to read.

    Attributes:
        post: The post with its gold labels.
        prediction: What the model said.
        levels: How many levels the predicted urgency lies above (positive) or below the gold one.
    """

    post: LabelledPost
    prediction: Prediction
    levels: int

    @property
    def text(self) -> str:
        """The post's text, cut where it is very long."""
        text = self.post.text
        return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + " …"

    @property
    def runners_up(self) -> list[tuple[str, float]]:
        """The three best categories and their scores."""
        return sorted(self.prediction.scores.items(), key=lambda item: -item[1])[:3]


def render_report(results: EvaluationResults, samples: Sequence[Sample], cases: Sequence[JudgedCase] = ()) -> str:
    """Write the report.

    Args:
        results: What was found.
        samples: The judged posts, for the errors to read.
        cases: The judged cases of behaviour tests, for the failures to read.

    Returns:
        An HTML page that asks nothing of the network. It holds posts' texts.
    """
    if results.speed:
        return _render("speed.html.jinja", results, speed=results.speed)
    if not results.slices:
        return _render("checks.html.jinja", results, **_of_checks(results, cases))
    return _render("report.html.jinja", results, **_of_slices(results, samples))


def render_page(template: str, **content: object) -> str:
    """Fill one of the templates.

    Args:
        template: Its name.
        content: What it names.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("eval"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        shown=shown,
        interval=interval,
        interval_in_words=interval_in_words,
        title=title,
        position=position,
        less_is_better=lower_is_better,
        said_p=said_p,
        related_p=related_p,
    )
    environment.globals.update(small=SMALL, unbounded=_UNBOUNDED)
    return environment.get_template(template).render(**content)


def _render(template: str, results: EvaluationResults, **content: object) -> str:
    return render_page(template, results=results, definitions=DEFINITIONS, **content)


def _of_slices(results: EvaluationResults, samples: Sequence[Sample]) -> dict[str, object]:
    taxonomy = results.model.taxonomy
    return {
        "primary": results.primary,
        "verdict": verdict(results),
        "cautions": cautions(results),
        "key_figures": [figure for metric in KEY_METRICS if (figure := results.primary.figure(metric))],
        "confident_errors": confident_errors(samples, taxonomy.urgency_names),
        "urgency_errors": urgency_errors(samples, taxonomy.urgency_names),
        "group_metrics": [metric for metric in GROUP_METRICS if results.primary.figure(metric)],
        "confusions": confusions,
        "shown_errors": _SHOWN_ERRORS,
        "max_matrix": _MAX_MATRIX,
    }


def _of_checks(results: EvaluationResults, cases: Sequence[JudgedCase]) -> dict[str, object]:
    worst_first = sorted(results.checks, key=lambda check: check.passed / check.n)
    failures: dict[str, list[JudgedCase]] = {check.name: [] for check in worst_first}
    for one in cases:
        if one.failures:
            failures[one.check.name].append(one)
    metrics = dict.fromkeys(figure.metric for check in results.checks for figure in check.figures)
    return {
        "everything": results.check_groups[0],
        "clean": sum(not check.failures for check in results.checks),
        "checks": worst_first,
        "extra": [metric for metric in metrics if metric != "pass_rate"],
        "kinds": KINDS,
        "failures": {name: failed for name, failed in failures.items() if failed},
        "shown_failures": _SHOWN_FAILURES,
    }


def verdict(results: EvaluationResults) -> list[str]:
    """The findings on the primary slice in plain sentences, the most important first."""
    found = results.primary
    sentences = []
    if accuracy := found.figure("accuracy"):
        sentences.append(f"The category is right for {_said(accuracy)} of {accuracy.n:,} posts.")
    if macro_f1 := found.figure("macro_f1"):
        sentences.append(f"With every category weighing the same, macro-F1 is {_said(macro_f1)}.")
    if kappa := found.figure("urgency_quadratic_kappa"):
        sentences.append(
            f"Urgency agrees with the gold labels at a quadratic kappa of {_said(kappa)} on {kappa.n:,} posts."
        )
    share, error = found.figure("review_share"), found.figure("error_among_rest")
    if share:
        rest = f"; of the other {error.n:,}, {_said(error)} are wrong" if error else ""
        sentences.append(f"The model is unsure of {_said(share)} of the posts, which go to a person{rest}.")
    return sentences


def _said(figure: Figure) -> str:
    return f"{shown(figure)} ({interval(figure)})"


def cautions(results: EvaluationResults) -> list[str]:
    """What a reader must know before relying on the figures."""
    found, data = results.primary, results.data
    said = []
    if data.skipped_rows:
        said.append(f"Unusable rows of the data file that were left out: {data.skipped_rows:,}.")
    if found.rejected:
        said.append(f"Posts that the model gave no prediction for: {found.rejected:,}; they count as wrong.")
    rows = (*found.categories, *found.urgencies)
    if few := [f"{row.label} ({row.support:,})" for row in rows if 0 < row.support < SMALL]:
        said.append(f"Fewer than {SMALL} posts, read their figures with care: {', '.join(few)}.")
    if none := [row.label for row in rows if row.support == 0]:
        said.append(f"No post at all, so nothing is known of: {', '.join(none)}.")
    if not found.urgency_n:
        said.append("Nothing is known of urgency: the data or the model has none.")
    elif found.urgency_n < found.n:
        said.append(f"Posts without gold urgency, left out of figures on urgency: {found.n - found.urgency_n:,}.")
    per_label = (figure for row in rows for figure in (row.precision, row.recall, row.f1) if figure)
    figures = [*found.figures, *per_label]
    if any(figure.low is not None and figure.low == figure.high for figure in figures):
        said.append("An interval without width means that no error (or no success) was seen, not that none can happen.")
    return said


def confident_errors(samples: Sequence[Sample], levels: Sequence[str]) -> list[Miss]:
    """Wrong categories that no person would be asked about, the most confident first."""
    misses = [
        _miss(sample.post, prediction, levels)
        for sample in samples
        if sample.wrong and not sample.unsure and (prediction := sample.prediction)
    ]
    return sorted(misses, key=lambda miss: -miss.prediction.confidence)


def urgency_errors(samples: Sequence[Sample], levels: Sequence[str]) -> list[Miss]:
    """Urgencies off by two levels or more, the farthest first, too low before too high."""
    misses = [_miss(sample.post, prediction, levels) for sample in samples if (prediction := sample.prediction)]
    far = [miss for miss in misses if abs(miss.levels) > 1]
    return sorted(far, key=lambda miss: (-abs(miss.levels), miss.levels, -miss.prediction.confidence))


def _miss(post: LabelledPost, prediction: Prediction, levels: Sequence[str]) -> Miss:
    known = post.urgency is not None and prediction.urgency is not None
    off = levels.index(str(prediction.urgency)) - levels.index(str(post.urgency)) if known else 0
    return Miss(post, prediction, off)


def confusions(matrix: ConfusionMatrix) -> list[tuple[str, str, int]]:
    """Gold label, wrong prediction and count of the most frequent confusions, for matrices too large to show."""
    predicted = (*matrix.labels, "no prediction")
    found = [
        (gold, predicted[column], count)
        for index, (gold, row) in enumerate(zip(matrix.labels, matrix.counts, strict=True))
        for column, count in enumerate(row)
        if count and column != index
    ]
    return sorted(found, key=lambda item: -item[2])[:_SHOWN_CONFUSIONS]


def title(metric: str) -> str:
    """A metric's name in reports."""
    metric, _, label = metric.removesuffix("]").partition("[")
    if metric in DEFINITIONS:
        name = DEFINITIONS[metric].title
    else:
        bare = metric.removeprefix(URGENCY)
        name = f"urgency {DEFINITIONS[bare].title}" if bare in DEFINITIONS else metric
    return f"{name} of {label}" if label else name


def shown(figure: Figure) -> str:
    """A figure's value: shares of posts as a percentage, all else with three digits."""
    return _number(figure.value, figure.metric)


def interval(figure: Figure) -> str:
    """A figure's interval, or that there is none."""
    if figure.low is None or figure.high is None:
        return "no interval"
    low, high = _number(figure.low, figure.metric), _number(figure.high, figure.metric)
    return f"{low.removesuffix(_PERCENT)}–{high}" if figure.low >= 0 else f"{low} to {high}"


def interval_in_words(figure: Figure) -> str:
    """A figure and its interval, for those who hear the report."""
    return f"{title(figure.metric)} {shown(figure)}, interval {interval(figure).replace('–', 'to')}"


def position(value: float) -> str:
    """Where a number in [0, 1] stands on a scale, as a percentage of its width."""
    return f"{100 * min(max(value, 0.0), 1.0):.2f}%"


def _number(value: float, metric: str) -> str:
    if metric in latency.DEFINITIONS:
        return f"{value:,.2f} ms" if metric.endswith("_ms") else f"{value:,.0f} / s"
    number = f"{100 * value:.1f}{_PERCENT}" if metric in _SHARES else f"{value:.3f}"
    return number.replace("-", "−")
