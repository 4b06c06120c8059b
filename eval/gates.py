"""Gates: may this model be released? Figures in, and differences from a champion; pass, fail or cannot judge out.

```python
from pathlib import Path
from eval.gates import gate_results

outcomes = gate_results(Path("runs/candidate"))
```

A gate never passes on a sample that cannot bear it: too few posts, or an interval too wide for the question, is
`cannot judge`, with what would be needed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from scipy import stats

from eval.differences import ALPHA, RULE_OF_THREE, Difference
from eval.metrics import lower_is_better
from eval.results import EvaluationResults, Figure, GroupResult, read_results
from eval.verdict import Fairness, Gate, GateOutcome, LabelLimit, Limit, NonInferiority, Verdict

Differences = Callable[[str, str | None], Difference | None]
"""From a metric and a slice (None: the primary one) to how the challenger differs from the champion."""


def gate_results(folder: Path, gates: Sequence[Gate] | None = None) -> tuple[GateOutcome, ...]:
    """Judge the results in a folder; gates that need a champion are left out.

    Args:
        folder: What `earshot eval run` wrote.
        gates: Other gates than those of the suite that was run.

    Raises:
        ResultsError: There are no results.
    """
    results = read_results(folder)
    return judge_gates(results.suite.gates if gates is None else gates, results)


def judge_gates(
    gates: Iterable[Gate], results: EvaluationResults, differences: Differences | None = None
) -> tuple[GateOutcome, ...]:
    """Judge results by gates.

    Args:
        gates: What is asked.
        results: Of the model that wants to be released.
        differences: How it differs from the champion; without, gates that need one are left out.
    """
    return tuple(
        _outcome(gate, results, differences)
        for gate in gates
        if differences is not None or not isinstance(gate, NonInferiority)
    )


def needs_champion(gates: Iterable[Gate]) -> list[str]:
    """The gates that only a comparison can answer."""
    return [gate.title for gate in gates if isinstance(gate, NonInferiority)]


def _outcome(gate: Gate, results: EvaluationResults, differences: Differences | None) -> GateOutcome:
    if isinstance(gate, Limit):
        verdict, says = _limit(gate, results)
    elif isinstance(gate, LabelLimit):
        verdict, says = _label_limit(gate, results)
    elif isinstance(gate, Fairness):
        verdict, says = _fairness(gate, results)
    else:
        verdict, says = _non_inferiority(gate, differences)
    return GateOutcome(name=gate.title, kind=gate.kind, verdict=verdict, says=says, required=gate.required)


_Answer = tuple[Verdict, str]


def _limit(gate: Limit, results: EvaluationResults) -> _Answer:
    found = results.find(gate.metric, gate.slice)
    if found is None:
        return "cannot judge", f"there is no {gate.metric}{gate.where} in these results"
    if found.n < gate.min_n:
        return "cannot judge", f"{_said(found)}: {_too_few(gate.min_n)}"
    return _against(gate, found)


def _against(gate: Limit, found: Figure) -> _Answer:
    floor = gate.at_least is not None
    limit = gate.number
    low, high = (found.low, found.high) if floor else (_negative(found.high), _negative(found.low))
    value, bound = (found.value, limit) if floor else (-found.value, -limit)
    asked = f"{'at least' if floor else 'at most'} {limit:g} is asked"
    passes = value >= bound
    unsure = low is not None and high is not None and low < bound <= high
    if gate.certain:
        if low is None or unsure:
            return "cannot judge", f"{_said(found)}; {asked} of the whole interval: more posts would tell"
        passes = low >= bound
    note = "" if gate.certain or not unsure else "; the interval reaches across the limit"
    return ("pass" if passes else "fail"), f"{_said(found)}; {asked}{note}"


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _label_limit(gate: LabelLimit, results: EvaluationResults) -> _Answer:
    rows = {row.label: row for row in results.labels(gate.scale, gate.slice)}
    labels = gate.labels or [label for label, row in rows.items() if row.support]
    below, unknown = [], []
    for label in labels:
        row = rows.get(label)
        found = getattr(row, gate.metric) if row else None
        if row is None or found is None:
            unknown.append(f"{label} has no {gate.metric}")
        elif row.support < gate.min_n:
            unknown.append(f"{label} has {row.support:,} posts")
        elif found.value < gate.at_least:
            below.append(f"{label} {_said(found)}")
    if below:
        return "fail", f"below {gate.at_least:g}: {'; '.join(below)}"
    if unknown or not labels:
        return "cannot judge", f"{'; '.join(unknown) or f'no {gate.scale} has posts'}: {_too_few(gate.min_n)}"
    lowest = min((rows[label] for label in labels), key=lambda row: getattr(row, gate.metric).value)
    return "pass", f"the lowest is {lowest.label} {_said(getattr(lowest, gate.metric))}; {gate.at_least:g} is asked"


def _fairness(gate: Fairness, results: EvaluationResults) -> _Answer:
    groups = [group for group in results.groups if group.column == gate.column and group.n >= gate.min_n]
    found = [(group, figure) for group in groups if (figure := group.figure(gate.metric))]
    if len(found) < 2:
        return "cannot judge", f"{len(found)} groups of '{gate.column}' have {gate.min_n} posts; two are needed"
    found.sort(key=lambda item: item[1].value)
    (lowest, low), (highest, high) = found[0], found[-1]
    gap = high.value - low.value
    says = f"{_in(lowest)} {_said(low)}, {_in(highest)} {_said(high)}: apart by {gap:.3f}; {gate.at_most:g} is allowed"
    if gap <= gate.at_most:
        return "pass", says
    if not _apart(low, high, gate.at_most, pairs=len(list(itertools.combinations(found, 2)))):
        return "cannot judge", f"{says}, but so few posts lie apart as far by chance"
    return "fail", says


def _in(group: GroupResult) -> str:
    return f"{group.column} = {group.value}"


def _apart(low: Figure, high: Figure, allowed: float, *, pairs: int) -> bool:
    """Whether two groups' figures differ by more than is allowed, chosen as the extremes of so many pairs."""
    spread = [_standard_error(figure) for figure in (low, high)]
    error = sum(one**2 for one in spread) ** 0.5
    if error == 0:
        return True
    return bool(stats.norm.sf((high.value - low.value - allowed) / error) * pairs < ALPHA)


def _standard_error(figure: Figure) -> float:
    if figure.low is None or figure.high is None:
        return float("inf")
    # An interval without width comes from few posts without an error, not from certainty.
    return float(max((figure.high - figure.low) / (2 * stats.norm.ppf(0.975)), 1 / figure.n))


def _non_inferiority(gate: NonInferiority, differences: Differences | None) -> _Answer:
    found = differences(gate.metric, gate.slice) if differences else None
    if found is None:
        return "cannot judge", f"there is no {gate.metric}{gate.where} in both results"
    loss = f"{_loss(found)}; a loss of {gate.margin:g} is allowed"
    if found.n < gate.min_n:
        return "cannot judge", f"{loss}: {_too_few(gate.min_n)}"
    if found.loss_at_least is None or found.loss_at_most is None or found.bearable_margin is None:
        return "cannot judge", f"{loss}: the figure is undefined in too many resamples"
    if found.loss_at_least > gate.margin:
        return "fail", loss
    if found.n * gate.margin >= RULE_OF_THREE and found.loss_at_most <= gate.margin:
        return "pass", loss
    if found.bearable_margin > gate.margin:
        return "cannot judge", f"{loss}; {_needed(found.n, found.bearable_margin, gate.margin)}"
    return "fail", f"{loss}: not shown, though these posts would have shown it for equal models"


def _loss(found: Difference) -> str:
    worse, better = ("higher", "lower") if lower_is_better(found.metric) else ("lower", "higher")
    moved = f"{abs(found.difference):.3f} {worse if found.loss > 0 else better}" if found.difference else "the same"
    at_most = f", with 95 % confidence a loss of at most {found.loss_at_most:.3f}" if found.loss_at_most else ""
    return f"{found.metric} is {moved} ({found.champion:.3f} → {found.challenger:.3f}, n = {found.n:,}){at_most}"


def _needed(n: int, bearable: float, margin: float) -> str:
    # By the rule of three where not even a flip was seen, else an error that shrinks by the square root.
    by_rule = bearable * n <= RULE_OF_THREE
    posts = RULE_OF_THREE / margin if by_rule else max(n * (bearable / margin) ** 2, RULE_OF_THREE / margin)
    unit = 10 ** max(len(str(int(posts))) - 2, 0)
    rounded = unit * math.ceil(round(posts / unit, 6))
    return f"{n:,} posts bear a margin of {bearable:.3f} or more; this one needs about {rounded:,} posts"


def _too_few(needed: int) -> str:
    return f"{needed:,} posts are needed"


def _said(figure: Figure) -> str:
    ends = "no interval" if figure.low is None or figure.high is None else f"{figure.low:.3f}–{figure.high:.3f}"
    return f"{figure.value:.3f} ({ends}, n = {figure.n:,})"
