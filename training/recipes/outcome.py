"""What a recipe came to: the mean over seeds, the spread, and what others published. Knows nothing of how it ran.

An evaluation's results are read as the JSON that they are: training and evaluation exchange data, not code.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.recipes.recipe import Recipe, RecipeError

_PER_LABEL = re.compile(r"(?P<metric>precision|recall|f1)\[(?P<label>.+)\]")


def figure_in(results: Mapping[str, Any], metric: str) -> Mapping[str, Any]:
    """Find a figure of the primary slice.

    Args:
        results: As `results.json` holds them.
        metric: Such as `accuracy`, or `f1[suggestion]` for one label.

    Returns:
        `value`, `low`, `high` and `n`.

    Raises:
        RecipeError: There is no such figure.
    """
    found = results["slices"][0]
    if match := _PER_LABEL.fullmatch(metric):
        rows = {row["label"]: row for row in found["categories"]}
        figure = rows.get(match["label"], {}).get(match["metric"])
    else:
        figure = next((figure for figure in found["figures"] if figure["metric"] == metric), None)
    if figure is None:
        raise RecipeError(f"the evaluation on {results['data']['name']} has no figure '{metric}'")
    return {key: figure[key] for key in ("value", "low", "high", "n")}


@dataclass(frozen=True, slots=True)
class Judged:
    """One trained and judged model.

    Attributes:
        name: Such as `seed-1`.
        seed: Of the training.
        results: Of the evaluation.
        commands: What gave them.
    """

    name: str
    seed: int
    results: Mapping[str, Any]
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """All models of a recipe.

    Attributes:
        recipe: The benchmark.
        judged: Its models, at least one.
        command: What was typed.
        judged_as: What the figures are those of.
    """

    recipe: Recipe
    judged: Sequence[Judged]
    command: str
    judged_as: str = "int8 bundle"

    def by_seed(self, metric: str) -> dict[int, float]:
        """A metric of each seed; the mean over the folds where there are some."""
        values: dict[int, list[float]] = {}
        for one in self.judged:
            values.setdefault(one.seed, []).append(figure_in(one.results, metric)["value"])
        return {seed: statistics.fmean(found) for seed, found in values.items()}

    def posts(self, metric: str) -> int:
        """Posts that a metric speaks of, for one seed."""
        first = self.judged[0].seed
        return sum(figure_in(one.results, metric)["n"] for one in self.judged if one.seed == first)

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return {
            "recipe": self.recipe.name,
            "split": self.recipe.split,
            "command": self.command,
            "judged_as": self.judged_as,
            "figures": {metric: self._summary(metric) for metric in self.recipe.metrics},
            "published": [{"by": one.by, "figures": dict(one.figures)} for one in self.recipe.published],
            "models": [self._model(one) for one in self.judged],
        }

    def _summary(self, metric: str) -> dict[str, Any]:
        by_seed = self.by_seed(metric)
        found = list(by_seed.values())
        return {
            "mean": statistics.fmean(found),
            "standard_deviation": statistics.stdev(found) if len(found) > 1 else None,
            "n": self.posts(metric),
            "by_seed": {str(seed): value for seed, value in by_seed.items()},
        }

    def _model(self, one: Judged) -> dict[str, Any]:
        return {
            "name": one.name,
            "seed": one.seed,
            "bundle": one.results["model"]["digest"],
            "data_sha256": one.results["data"]["sha256"],
            "figures": {metric: dict(figure_in(one.results, metric)) for metric in self.recipe.metrics},
            "commands": list(one.commands),
        }

    def as_markdown(self) -> str:
        """A table: this recipe's figures, and below them what others published."""
        metrics = self.recipe.metrics
        header = f"| {self.recipe.title}: {self.recipe.split} | {' | '.join(metrics)} | seeds | bundles |"
        lines = [header, "|" + "---|" * (len(metrics) + 3), self._own_line()]
        for one in self.recipe.published:
            cells = (f"{100 * one.figures[metric]:.1f}" if metric in one.figures else "–" for metric in metrics)
            lines.append(f"| {one.by} | {' | '.join(cells)} | – | – |")
        return "\n".join(lines) + "\n"

    def _own_line(self) -> str:
        seeds = list(dict.fromkeys(one.seed for one in self.judged))
        digests = ", ".join(f"`{one.results['model']['digest'][:19]}`" for one in self.judged)
        cells = " | ".join(map(self._cell, self.recipe.metrics))
        return (
            f"| **Earshot**, {self.judged_as}, `{self.command}` | {cells} | {', '.join(map(str, seeds))} | {digests} |"
        )

    def _cell(self, metric: str) -> str:
        found = self._summary(metric)
        spread = found["standard_deviation"]
        return (
            f"{100 * found['mean']:.2f}"
            + (f" ± {100 * spread:.2f}" if spread is not None else "")
            + f" (n = {found['n']:,})"
        )
