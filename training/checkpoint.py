"""What a killed training needs to end as if it had not been killed. Knows nothing of data or networks' insides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from training.processes import RandomState


@dataclass(slots=True)
class Progress:
    """Where a training stands.

    Attributes:
        fingerprint: Of configuration, taxonomy and data; a checkpoint of another training is refused.
        epoch: The epoch to go on with, from 0.
        batch: The batch of that epoch to go on with.
        losses: Losses of the epoch's batches so far.
        best_score: Of the best epoch so far, on validation.
        best_epoch: That epoch; -1 before the first.
    """

    fingerprint: str
    epoch: int = 0
    batch: int = 0
    losses: tuple[float, ...] = ()
    best_score: float = -1.0
    best_epoch: int = -1


class Checkpoints:
    """A folder beside the bundle-to-be.

    Args:
        folder: Created when the first checkpoint is saved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._last = folder / "last.pt"
        self._best = folder / "best.pt"

    def exists(self) -> bool:
        """Whether there is something to go on from."""
        return self._last.is_file()

    def save(
        self, progress: Progress, model: nn.Module, optimizer: torch.optim.Optimizer, random: list[RandomState]
    ) -> None:
        """Keep everything that the next step depends on, the random state of every process included."""
        state = {
            "progress": {name: getattr(progress, name) for name in Progress.__slots__},
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "random": random,
        }
        self._write(self._last, state)

    def load(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[Progress, list[RandomState]]:
        """Put model and optimizer back, and say where to go on, with which random state in every process."""
        state = torch.load(self._last, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        return Progress(**state["progress"]), state["random"]

    def save_best(self, model: nn.Module) -> None:
        """Keep the weights of the best epoch."""
        self._write(self._best, model.state_dict())

    def load_best(self, model: nn.Module) -> None:
        """Put the weights of the best epoch back."""
        model.load_state_dict(torch.load(self._best, map_location="cpu", weights_only=True))

    def forget(self) -> None:
        """Leave nothing to go on from."""
        self._last.unlink(missing_ok=True)

    def _write(self, path: Path, state: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(path)
