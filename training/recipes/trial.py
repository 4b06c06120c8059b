"""One model of a recipe: trained with one seed on one part, and judged. What is finished is not done again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from earshot.bundle import MANIFEST, Bundle
from earshot.records import sha256_of
from training.config import TrainingConfig
from training.recipes.child import run_earshot
from training.recipes.recipe import Recipe, RecipeError
from training.recipes.work_folder import Part, WorkFolder

_RESULTS = "results.json"


@dataclass(frozen=True, slots=True)
class Trial:
    """One seed on one part.

    Attributes:
        recipe: The benchmark.
        work: Its files.
        part: The posts.
        seed: Of the training.
        settings: Settings put over the recipe's configuration, as `earshot train --set` takes them.
    """

    recipe: Recipe
    work: WorkFolder
    part: Part
    seed: int
    settings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For people and folders, such as `seed-1` or `seed-1/fold-03`."""
        return f"seed-{self.seed}" + (f"/{self.part.name}" if self.part.name else "")

    @property
    def folder(self) -> Path:
        """Where the bundle and its evaluation lie."""
        return self.work.folder / self.name

    @property
    def bundle(self) -> Path:
        """The bundle's folder."""
        return self.folder / "bundle"

    @property
    def evaluation(self) -> Path:
        """The folder of the evaluation."""
        return self.folder / "evaluation"

    def all_settings(self) -> dict[str, str]:
        """What is put over the recipe's configuration, by dotted name."""
        return {**self.part.settings, **dict(setting.split("=", 1) for setting in self.settings)}

    def train_arguments(self) -> list[str]:
        """What `earshot train` is asked."""
        arguments = ["train", "--config", str(self.recipe.config), "--taxonomy", str(self.work.taxonomy)]
        arguments += ["--data", str(self.part.train)]
        if self.part.validation is not None:
            arguments += ["--validation", str(self.part.validation)]
        for name, value in {"seed": str(self.seed), **self.all_settings()}.items():
            arguments += ["--set", f"{name}={value}"]
        return [*arguments, "--output", str(self.bundle), "--resume"]

    def eval_arguments(self) -> list[str]:
        """What `earshot eval run` is asked."""
        return ["eval", "run", "--model", str(self.bundle), "--suite", str(self.part.test), "-o", str(self.evaluation)]

    def run(self, config: TrainingConfig) -> Mapping[str, Any]:
        """Train and judge, or take what is there.

        Args:
            config: The configuration that the training amounts to.

        Returns:
            The evaluation's results, as `results.json` holds them.

        Raises:
            RecipeError: A command failed or was stopped, or the bundle that is there is another recipe's.
            EarshotError: The bundle that is there is broken.
        """
        if not (self.bundle / MANIFEST).is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            run_earshot(self.train_arguments())
        bundle = Bundle.load(self.bundle)
        self._check(bundle, config)
        results = self._results()
        if results is None or not self._are_of(results, bundle):
            run_earshot(self.eval_arguments())
            results = self._results()
        if results is None:
            raise RecipeError(f"`earshot eval run` left no {_RESULTS} in {self.evaluation}")
        return results

    def _check(self, bundle: Bundle, config: TrainingConfig) -> None:
        training = bundle.manifest.training
        files = [file for file in (self.part.train, self.part.validation) if file is not None]
        same_data = [source.sha256 for source in training.data] == [sha256_of(file) for file in files]
        try:
            same_config = TrainingConfig.model_validate(training.config) == config
        except ValidationError:
            same_config = False
        if not (same_data and same_config):
            what = "configuration" if same_data else "data"
            raise RecipeError(
                f"{self.bundle} was trained with another {what} than the recipe now has: name another --output, or "
                "remove that folder"
            )

    def _results(self) -> Mapping[str, Any] | None:
        try:
            content: Mapping[str, Any] = json.loads((self.evaluation / _RESULTS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return content

    def _are_of(self, results: Mapping[str, Any], bundle: Bundle) -> bool:
        same_model = results["model"]["digest"] == bundle.identity.digest
        return bool(same_model and results["data"]["sha256"] == sha256_of(self.part.test))
