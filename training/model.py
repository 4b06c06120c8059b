"""The network: an encoder, a pooled vector, a head each for category, secondary categories and urgency; and its loss.

Knows nothing of text, data files or optimization.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from torch import nn
from transformers import PreTrainedModel

from training.config import LossConfig, ModelConfig, OptimizationConfig
from training.targets import Float, Targets, Totals, reached


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
        if config.freeze_embeddings and isinstance(encoder, PreTrainedModel):
            encoder.get_input_embeddings().requires_grad_(False)
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

    @torch.no_grad()
    def start_category_head(self, weights: npt.NDArray[np.float32], biases: npt.NDArray[np.float32]) -> None:
        """Set the category head to weights `[categories, width]` and biases `[categories]`."""
        self.category.weight.copy_(torch.from_numpy(weights))
        self.category.bias.copy_(torch.from_numpy(biases))

    @torch.no_grad()
    def shift_category(self, index: int, shift: float) -> None:
        """Add to one category's logit, for good."""
        self.category.bias[index] += shift

    def use_plain_attention(self) -> None:
        """Compute attention in plain operators from now on, which export to ONNX; fused attention is for training."""
        if isinstance(self.encoder, PreTrainedModel):
            self.encoder.set_attn_implementation("eager")

    def parameter_groups(self, config: OptimizationConfig) -> list[dict[str, Any]]:
        """Parameters for AdamW, grouped by `peak_lr`, the peak of their learning rate, and by weight decay.

        Matrices decay, biases and LayerNorm do not.
        """
        head_rate = config.head_learning_rate or config.learning_rate
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in self.named_parameters():
            if not parameter.requires_grad:
                continue
            in_encoder = name.startswith("encoder.")
            rate = config.learning_rate * config.layer_decay ** self._depth(name) if in_encoder else head_rate
            decay = config.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
        return [
            {"params": parameters, "lr": rate, "peak_lr": rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ]

    def _depth(self, name: str) -> int:
        """How far below the encoder's last layer a parameter of the encoder is; embeddings are below the first."""
        layers: int = self.encoder.config.num_hidden_layers  # type: ignore[union-attr, assignment]  # on every HF encoder
        found = re.search(r"\.layers?\.(\d+)\.", name)
        return layers - 1 - int(found[1]) if found else layers


def corn_loss(logits: torch.Tensor, reached: torch.Tensor, stopped: torch.Tensor) -> torch.Tensor:
    """Conditional ordinal loss (CORN, Shi et al. 2021, arXiv 2111.08851), for labels or for distributions.

    Logit k is asked of the posts that reached level k, whether they exceed it; a distribution asks it as far as it
    lies there, which is the loss to be expected over its levels.

    Args:
        logits: `[posts, levels - 1]`.
        reached: `[posts, levels - 1]`, the probability that each level is reached.
        stopped: `[posts, levels - 1]`, the probability that it is the post's own.

    Returns:
        `[posts]`, summed over the conditional decisions.
    """
    exceeded = (reached - stopped) * functional.softplus(-logits)
    return (exceeded + stopped * functional.softplus(logits)).sum(dim=1)


def likeness_loss(pooled: torch.Tensor, aim: torch.Tensor) -> torch.Tensor:
    """How far pooled vectors point away from those aimed at (Sanh et al. 2019, arXiv 1910.01108: cosine loss).

    Args:
        pooled: `[posts, width]`.
        aim: `[posts, width]`.

    Returns:
        The mean of 1 - cosine.
    """
    return (1 - functional.cosine_similarity(pooled, aim, dim=1)).mean()


def loss(
    outputs: tuple[torch.Tensor, ...], targets: Targets, config: LossConfig, totals: Totals | None = None
) -> torch.Tensor:
    """The weighted sum of the heads' losses.

    Args:
        outputs: Of `PostClassifier`, in float32.
        targets: Of the same posts.
        config: The weights of the heads.
        totals: Of the batch that these posts are a part of; by default they are all of it.
    """
    totals = totals or targets.totals()

    def tensor(values: Float) -> torch.Tensor:
        return torch.from_numpy(values).to(outputs[0].device)

    category = -(tensor(targets.category) * functional.log_softmax(outputs[0], dim=1)).sum(dim=1)
    secondary = functional.binary_cross_entropy_with_logits(
        outputs[1], tensor(targets.secondary), reduction="none"
    ).mean(dim=1)
    weight = tensor(targets.category_weight)
    total = ((category + config.secondary_weight * secondary) * weight).sum() / totals.category
    if len(outputs) > 2:
        urgency = corn_loss(
            outputs[2], tensor(reached(targets.urgency)), tensor(np.ascontiguousarray(targets.urgency[:, :-1]))
        )
        total = total + config.urgency_weight * (urgency * tensor(targets.urgency_weight)).sum() / totals.urgency
    return total
