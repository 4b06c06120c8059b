"""The network: an encoder, a pooled vector, a head each for category, secondary categories and urgency; and its loss.

Knows nothing of text, data files or optimization.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import nn

from training.config import LossConfig, ModelConfig
from training.dataset import NO_URGENCY


class PostClassifier(nn.Module):
    """An encoder with heads.

    Args:
        encoder: Any Hugging Face encoder that takes `input_ids` and `attention_mask` and gives `last_hidden_state`.
        categories: Number of categories.
        urgencies: Number of urgencies; 0 for a taxonomy without.
        config: Pooling and dropout.
    """

    def __init__(self, encoder: nn.Module, categories: int, urgencies: int, config: ModelConfig) -> None:
        super().__init__()
        width: int = encoder.config.hidden_size  # type: ignore[union-attr, assignment]  # set on every HF encoder
        self.encoder = encoder
        self.pooling = config.pooling
        self.dropout = nn.Dropout(config.dropout)
        self.category = nn.Linear(width, categories)
        self.secondary = nn.Linear(width, categories)
        self.urgency = nn.Linear(width, urgencies - 1) if urgencies else None

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Judge a padded batch.

        Args:
            input_ids: `[posts, tokens]`, int64.
            attention_mask: `[posts, tokens]`, int64, 0 on padding.

        Returns:
            Category logits and secondary logits, `[posts, categories]`; and, with urgencies, the conditional
            urgency logits `[posts, urgencies - 1]`.
        """
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        pooled = self.dropout(self._pool(hidden, attention_mask))
        heads = (self.category, self.secondary, *(() if self.urgency is None else (self.urgency,)))
        return tuple(head(pooled) for head in heads)

    def _pool(self, hidden: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        if self.pooling == "cls":
            return hidden[:, 0]
        weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * weights).sum(dim=1) / weights.sum(dim=1)

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Parameters for AdamW: weight decay on matrices, none on biases and LayerNorm."""
        decayed = [parameter for parameter in self.parameters() if parameter.ndim > 1]
        others = [parameter for parameter in self.parameters() if parameter.ndim <= 1]
        return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def corn_loss(logits: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    """Conditional ordinal loss (CORN, Shi et al. 2021, arXiv 2111.08851).

    Logit k is trained only on the posts that reached level k, to say whether they exceed it.

    Args:
        logits: `[posts, levels - 1]`.
        level: `[posts]`, int64; `NO_URGENCY` is passed over.

    Returns:
        The mean over all conditional decisions; 0 where no post has a level.
    """
    steps = torch.arange(logits.shape[1], device=logits.device)
    asked = (level.unsqueeze(1) >= steps) & (level.unsqueeze(1) != NO_URGENCY)
    exceeded = (level.unsqueeze(1) > steps).to(logits.dtype)
    losses = functional.binary_cross_entropy_with_logits(logits, exceeded, reduction="none")
    return (losses * asked).sum() / asked.sum().clamp(min=1)


def loss(
    outputs: tuple[torch.Tensor, ...],
    category: torch.Tensor,
    passing: torch.Tensor,
    urgency: torch.Tensor,
    config: LossConfig,
    class_weights: torch.Tensor | None,
) -> torch.Tensor:
    """The weighted sum of the heads' losses.

    Args:
        outputs: Of `PostClassifier`, in float32.
        category: `[posts]`, int64.
        passing: `[posts, categories]`, float32.
        urgency: `[posts]`, int64.
        config: The weights.
        class_weights: `[categories]`, or None.
    """
    total = functional.cross_entropy(
        outputs[0], category, weight=class_weights, label_smoothing=config.label_smoothing
    ) + config.secondary_weight * functional.binary_cross_entropy_with_logits(outputs[1], passing)
    if len(outputs) > 2:
        total = total + config.urgency_weight * corn_loss(outputs[2], urgency)
    return total
