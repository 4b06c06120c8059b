"""The network: an encoder, a pooled vector, a head each for category, secondary categories and urgency; and its loss.

Knows nothing of text, data files or optimization.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import nn
from transformers import PreTrainedModel

from training.config import LossConfig, ModelConfig
from training.targets import Targets


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

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, *, with_pooled: bool = False
    ) -> tuple[torch.Tensor, ...]:
        """Judge a padded batch.

        Args:
            input_ids: `[posts, tokens]`, int64.
            attention_mask: `[posts, tokens]`, int64, 0 on padding.
            with_pooled: Give the pooled vectors as well.

        Returns:
            Category logits and secondary logits, `[posts, categories]`; with urgencies, the conditional urgency
            logits `[posts, urgencies - 1]`; and, if asked for, the pooled vectors `[posts, width]`, last.
        """
        pooled = self.pool(input_ids, attention_mask)
        heads = (self.category, self.secondary, *(() if self.urgency is None else (self.urgency,)))
        judged = tuple(head(self.dropout(pooled)) for head in heads)
        return (*judged, pooled) if with_pooled else judged

    def pool(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Read a padded batch: `[posts, width]`, a vector for each post."""
        hidden: torch.Tensor = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        if self.pooling == "cls":
            return hidden[:, 0]
        weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * weights).sum(dim=1) / weights.sum(dim=1)

    def use_plain_attention(self) -> None:
        """Compute attention in plain operators from now on, which export to ONNX; fused attention is for training."""
        if isinstance(self.encoder, PreTrainedModel):
            self.encoder.set_attn_implementation("eager")

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Parameters for AdamW: weight decay on matrices, none on biases and LayerNorm."""
        decayed = [parameter for parameter in self.parameters() if parameter.ndim > 1]
        others = [parameter for parameter in self.parameters() if parameter.ndim <= 1]
        return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def corn_loss(logits: torch.Tensor, levels: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Conditional ordinal loss (CORN, Shi et al. 2021, arXiv 2111.08851), for labels or for distributions.

    Logit k is asked of the posts that reached level k, whether they exceed it; a distribution asks it as far as it
    lies there, which is the loss to be expected over its levels.

    Args:
        logits: `[posts, levels - 1]`.
        levels: `[posts, levels]`, the distribution aimed at; a row of zeros is passed over.
        weight: `[posts]`.

    Returns:
        The weighted mean over all conditional decisions; 0 where none is asked.
    """
    reached = levels.flip(1).cumsum(1).flip(1)[:, :-1]
    stopped = levels[:, :-1]
    losses = (reached - stopped) * functional.softplus(-logits) + stopped * functional.softplus(logits)
    asked = (reached * weight.unsqueeze(1)).sum()
    return (losses * weight.unsqueeze(1)).sum() / asked.clamp(min=1e-6)


def likeness_loss(pooled: torch.Tensor, aim: torch.Tensor) -> torch.Tensor:
    """How far pooled vectors point away from those aimed at (Sanh et al. 2019, arXiv 1910.01108: cosine loss).

    Args:
        pooled: `[posts, width]`.
        aim: `[posts, width]`.

    Returns:
        The mean of 1 - cosine.
    """
    return (1 - functional.cosine_similarity(pooled, aim, dim=1)).mean()


def loss(outputs: tuple[torch.Tensor, ...], targets: Targets, config: LossConfig) -> torch.Tensor:
    """The weighted sum of the heads' losses.

    Args:
        outputs: Of `PostClassifier`, in float32.
        targets: Of the same posts.
        config: The weights of the heads.
    """
    device = outputs[0].device
    weight = torch.from_numpy(targets.category_weight).to(device)
    total_weight = weight.sum().clamp(min=1e-6)
    aim = torch.from_numpy(targets.category).to(device)
    category = -(aim * functional.log_softmax(outputs[0], dim=1)).sum(dim=1)
    passing = torch.from_numpy(targets.secondary).to(device)
    secondary = functional.binary_cross_entropy_with_logits(outputs[1], passing, reduction="none").mean(dim=1)
    total = ((category + config.secondary_weight * secondary) * weight).sum() / total_weight
    if len(outputs) > 2:
        levels, counts = (
            torch.from_numpy(targets.urgency).to(device),
            torch.from_numpy(targets.urgency_weight).to(device),
        )
        total = total + config.urgency_weight * corn_loss(outputs[2], levels, counts)
    return total
