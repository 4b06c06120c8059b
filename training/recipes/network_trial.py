"""One model of a recipe, judged as the network that it is in PyTorch: nothing is exported, so a GPU does it in seconds.

The figures are the network's own, not a bundle's: int8 comes on top of them. What is finished is not done again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
from torch import nn
from tqdm import tqdm

from earshot.records import sha256_of
from earshot.taxonomy import Taxonomy
from training.checkpoint import Checkpoints, Progress
from training.config import TrainingConfig
from training.dataset import load_dataset
from training.material import Material, begin
from training.recipes.recipe import Recipe
from training.recipes.work_folder import Part, WorkFolder
from training.request import Request
from training.validation import epoch_line

Labels = npt.NDArray[np.int64]

_RESULTS = "network.json"
_RESAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class NetworkTrial:
    """One seed on one part.

    Attributes:
        recipe: The benchmark.
        work: Its files.
        part: The posts.
        config: Of the training, its seed included.
    """

    recipe: Recipe
    work: WorkFolder
    part: Part
    config: TrainingConfig

    @property
    def name(self) -> str:
        """For people and folders, such as `seed-1` or `seed-1/fold-03`."""
        return f"seed-{self.config.seed}" + (f"/{self.part.name}" if self.part.name else "")

    @property
    def commands(self) -> tuple[str, ...]:
        """What gives the same bundle with `earshot`: none, nothing is exported."""
        return ()

    def run(self) -> Mapping[str, Any]:
        """Train and judge, or take what is there.

        Returns:
            The figures, in the shape of an evaluation's `results.json`.

        Raises:
            EarshotError: Data or configuration cannot be used, or the training was interrupted.
        """
        kept = self.work.folder / self.name / _RESULTS
        wanted = {"config": self.config.model_dump(mode="json"), "data": self._digests()}
        if (found := _read(kept)) is not None and found["wanted"] == json.loads(json.dumps(wanted)):
            return found
        results = self._judge() | {"wanted": wanted}
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(results) + "\n", encoding="utf-8")
        return results

    def _judge(self) -> dict[str, Any]:
        taxonomy = Taxonomy.load(self.work.taxonomy)
        request = self._request(taxonomy)
        material = Material.of(request, tqdm.write)
        _, fit, lesson = begin(request, material, tqdm.write)
        checkpoints = Checkpoints(request.work)

        def on_epoch_end(epoch: int, figures: dict[str, float]) -> None:
            tqdm.write(f"{self.name}, {epoch_line(epoch, self.config.optimization.epochs, figures)}")

        progress = Progress(material.fingerprint)
        fit.run(
            lesson, material.validation, checkpoints, progress, resume=checkpoints.exists(), on_epoch_end=on_epoch_end
        )
        fit.move_scope(material.validation, tqdm.write)
        test, _ = load_dataset([self.part.test], taxonomy)
        said = fit.ask(test.texts).category.argmax(axis=1)
        checkpoints.forget()
        return {
            "model": {"digest": _digest(fit.model)},
            "data": {"name": self.part.test.stem, "sha256": sha256_of(self.part.test)},
            "slices": [figures_of(test.category, said, taxonomy, self.config.seed)],
        }

    def _request(self, taxonomy: Taxonomy) -> Request:
        return Request(
            data=(self.part.train,),
            output=self.work.folder / self.name / "network",
            taxonomy=taxonomy,
            config=self.config,
            validation=() if self.part.validation is None else (self.part.validation,),
            resume=True,
        )

    def _digests(self) -> list[str]:
        files = [self.part.train, self.part.validation, self.part.test]
        return [sha256_of(file) for file in files if file is not None]


def figures_of(truth: Labels, said: Labels, taxonomy: Taxonomy, seed: int) -> dict[str, Any]:
    """What a recipe may ask for, each with a 95 % interval by resampling posts.

    Args:
        truth: `[posts]`, the index of each post's category.
        said: `[posts]`, what the network said.
        taxonomy: The labels.
        seed: Of the resampling.

    Returns:
        `figures` and `categories`, as in a slice of an evaluation's results.
    """
    labels = np.arange(len(taxonomy.categories))
    metrics: dict[str, Any] = {
        "accuracy": accuracy_score,
        "macro_f1": lambda y, s: f1_score(y, s, average="macro", labels=np.unique(y), zero_division=0.0),
    }
    if taxonomy.out_of_scope is not None:
        outside = taxonomy.category_names.index(taxonomy.out_of_scope)
        metrics["in_scope_accuracy"] = lambda y, s: _share_right(y, s, y != outside)
        metrics["out_of_scope_recall"] = lambda y, s: _share_right(y, s, y == outside)
    figures = [
        {"metric": name} | _with_interval(metric, truth, said, seed, _posts(name, truth, taxonomy))
        for name, metric in metrics.items()
    ]
    categories = []
    for name, metric in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        values = metric(truth, said, average=None, labels=labels, zero_division=0.0)
        categories.append([(name, float(value)) for value in values])
    rows = [
        {"label": label}
        | {name: {"value": value, "low": None, "high": None, "n": int((truth == index).sum())} for name, value in row}
        for index, (label, row) in enumerate(zip(taxonomy.category_names, zip(*categories, strict=True), strict=True))
    ]
    return {"figures": figures, "categories": rows}


def _share_right(truth: Labels, said: Labels, among: npt.NDArray[np.bool_]) -> float:
    """Accuracy on some posts; not a number where there are none, as in a small resample."""
    return float((said == truth)[among].mean()) if among.any() else float("nan")


def _posts(metric: str, truth: Labels, taxonomy: Taxonomy) -> int:
    if taxonomy.out_of_scope is None or not metric.endswith(("in_scope_accuracy", "out_of_scope_recall")):
        return len(truth)
    outside = int((truth == taxonomy.category_names.index(taxonomy.out_of_scope)).sum())
    return outside if metric == "out_of_scope_recall" else len(truth) - outside


def _with_interval(metric: Any, truth: Labels, said: Labels, seed: int, posts: int) -> dict[str, Any]:  # noqa: ANN401
    random = np.random.default_rng(seed)
    samples = (random.integers(0, len(truth), len(truth)) for _ in range(_RESAMPLES))
    values = [float(metric(truth[rows], said[rows])) for rows in samples]
    low, high = np.nanquantile(values, [0.025, 0.975])
    return {"value": float(metric(truth, said)), "low": float(low), "high": float(high), "n": posts}


def _digest(model: nn.Module) -> str:
    """`sha256:` over the network's weights."""
    digest = hashlib.sha256()
    for tensor in model.state_dict().values():
        digest.update(tensor.cpu().numpy().tobytes())
    return f"sha256:{digest.hexdigest()}"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content
