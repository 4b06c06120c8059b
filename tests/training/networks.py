"""Untrained networks of each architecture, with weights large enough for their scores to say something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from earshot.session import Ids, Logits
from training.collator import pad
from training.config import ModelConfig
from training.model import PostClassifier

VOCABULARY = 60
ARCHITECTURES = ("bert", "distilbert", "roberta", "xlm-roberta")
_SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "max_position_embeddings": 80,
}
_DISTILBERT_SIZES = {
    "vocab_size": VOCABULARY,
    "dim": 64,
    "n_layers": 2,
    "n_heads": 4,
    "hidden_dim": 128,
    "max_position_embeddings": 80,
}
_SPREAD = 6.0


def encoder(architecture: str, activation: str = "gelu") -> PreTrainedModel:
    """An untrained encoder, the same each time."""
    torch.manual_seed(3)
    if architecture == "distilbert":
        return _spread(DistilBertModel(DistilBertConfig(**_DISTILBERT_SIZES, activation=activation)))  # type: ignore[arg-type]
    if architecture == "bert":
        return _spread(BertModel(BertConfig(**_SIZES, hidden_act=activation)))  # type: ignore[arg-type]
    if architecture == "roberta":
        return _spread(RobertaModel(RobertaConfig(**_SIZES, hidden_act=activation)))  # type: ignore[arg-type]
    return _spread(XLMRobertaModel(XLMRobertaConfig(**_SIZES, hidden_act=activation)))  # type: ignore[arg-type]


def classifier(
    architecture: str, *, pooling: Literal["mean", "cls"] = "mean", urgencies: int = 4, activation: str = "gelu"
) -> PostClassifier:
    """The same with heads for six categories."""
    model = PostClassifier(encoder(architecture, activation), 6, urgencies, ModelConfig(pooling=pooling))
    return model.eval()


def logits_of(model: PostClassifier, ids: Sequence[Ids]) -> Logits:
    """What the network says of posts, in PyTorch."""
    with torch.inference_mode():
        outputs = [output.numpy() for output in model(*pad(ids, 1))]
    return Logits(outputs[0], outputs[1], outputs[2] if len(outputs) > 2 else None)


def _spread(model: PreTrainedModel) -> PreTrainedModel:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and "embeddings" not in name:
                parameter.mul_(_SPREAD / 2)
            elif name.endswith("bias"):
                parameter.normal_(0, 0.1)
            elif "embeddings" in name:
                parameter.mul_(_SPREAD)
    return model
