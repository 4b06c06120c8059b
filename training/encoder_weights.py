"""Read the weights of a BERT-family network, whatever its own names for them, into one layout.

BERT (MiniLM among them), DistilBERT, RoBERTa and XLM-RoBERTa compute the same: a sum of embeddings, then layers of
attention and feed-forward, each followed by its residual and a LayerNorm. Knows nothing of ONNX.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from earshot.errors import EarshotError
from training.network import Dense, EncoderWeights, Floats, Layer, Norm

_DISTILBERT_EPSILON = 1e-12
"""Stands in DistilBERT's code, not in its configuration."""


class UnsupportedEncoderError(EarshotError):
    """An encoder that is none of the family: it can only be exported padded."""


@dataclass(frozen=True, slots=True)
class _Names:
    """An architecture's own names, `{}` for the number of the layer."""

    layer: str
    query: str
    key: str
    value: str
    attention_output: str
    attention_norm: str
    up: str
    down: str
    output_norm: str
    activation: str


_BERT = _Names(
    layer="encoder.layer.{}",
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    attention_output="attention.output.dense",
    attention_norm="attention.output.LayerNorm",
    up="intermediate.dense",
    down="output.dense",
    output_norm="output.LayerNorm",
    activation="hidden_act",
)
_DISTILBERT = _Names(
    layer="transformer.layer.{}",
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    attention_output="attention.out_lin",
    attention_norm="sa_layer_norm",
    up="ffn.lin1",
    down="ffn.lin2",
    output_norm="output_layer_norm",
    activation="activation",
)
_FAMILY = {"bert": _BERT, "distilbert": _DISTILBERT, "roberta": _BERT, "xlm-roberta": _BERT, "camembert": _BERT}
_FIRST_POSITION_BEHIND_PADDING = ("roberta", "xlm-roberta", "camembert")
_ACTIVATIONS = ("gelu", "relu")


def encoder_weights(encoder: nn.Module, pooling: str, outputs: Mapping[str, nn.Linear]) -> EncoderWeights:
    """Read the weights of a Hugging Face encoder.

    Args:
        encoder: The encoder.
        pooling: `mean` or `cls`.
        outputs: The heads by the name of the graph's output.

    Raises:
        UnsupportedEncoderError: The encoder is of another family, or a variant that computes something else.
    """
    config = encoder.config
    kind = str(getattr(config, "model_type", type(encoder).__name__))
    names = _FAMILY.get(kind)
    if names is None:
        raise UnsupportedEncoderError(f"the packed graph knows {', '.join(_FAMILY)}, not '{kind}'")
    activation = str(getattr(config, names.activation))
    _check_variant(config, kind, activation)
    state = encoder.state_dict()
    epsilon = float(getattr(config, "layer_norm_eps", _DISTILBERT_EPSILON))
    positions = _floats(state["embeddings.position_embeddings.weight"])
    if kind in _FIRST_POSITION_BEHIND_PADDING:
        positions = positions[int(config.pad_token_id) + 1 :]  # type: ignore[union-attr, arg-type]
    if "embeddings.token_type_embeddings.weight" in state:
        positions = positions + _floats(state["embeddings.token_type_embeddings.weight"])[0]
    return EncoderWeights(
        words=_floats(state["embeddings.word_embeddings.weight"]),
        positions=positions,
        embedding_norm=_norm(state, "embeddings.LayerNorm", epsilon),
        layers=tuple(_layer(state, names, index, epsilon) for index in range(int(config.num_hidden_layers))),  # type: ignore[union-attr, arg-type]
        attention_heads=int(config.num_attention_heads),  # type: ignore[union-attr, arg-type]
        activation=activation,
        pooling=pooling,
        outputs={name: Dense(_floats(head.weight.T), _floats(head.bias)) for name, head in outputs.items()},
    )


def _check_variant(config: object, kind: str, activation: str) -> None:
    if activation not in _ACTIVATIONS:
        raise UnsupportedEncoderError(
            f"the packed graph knows the activations {', '.join(_ACTIVATIONS)}, not '{activation}' of this '{kind}'"
        )
    position = getattr(config, "position_embedding_type", None) or "absolute"
    if position != "absolute":
        raise UnsupportedEncoderError(f"the packed graph knows absolute positions, not '{position}' of this '{kind}'")
    if getattr(config, "is_decoder", False):
        raise UnsupportedEncoderError(f"the packed graph knows encoders, and this '{kind}' is a decoder")


def _layer(state: Mapping[str, torch.Tensor], names: _Names, index: int, epsilon: float) -> Layer:
    prefix = names.layer.format(index)
    parts = [_dense(state, f"{prefix}.{name}") for name in (names.query, names.key, names.value)]
    return Layer(
        qkv=Dense(
            np.concatenate([part.weight for part in parts], axis=1), np.concatenate([part.bias for part in parts])
        ),
        attention_output=_dense(state, f"{prefix}.{names.attention_output}"),
        attention_norm=_norm(state, f"{prefix}.{names.attention_norm}", epsilon),
        up=_dense(state, f"{prefix}.{names.up}"),
        down=_dense(state, f"{prefix}.{names.down}"),
        output_norm=_norm(state, f"{prefix}.{names.output_norm}", epsilon),
    )


def _dense(state: Mapping[str, torch.Tensor], name: str) -> Dense:
    return Dense(_floats(state[f"{name}.weight"].T), _floats(state[f"{name}.bias"]))


def _norm(state: Mapping[str, torch.Tensor], name: str, epsilon: float) -> Norm:
    return Norm(_floats(state[f"{name}.weight"]), _floats(state[f"{name}.bias"]), epsilon)


def _floats(tensor: torch.Tensor) -> Floats:
    return np.ascontiguousarray(tensor.detach().to(torch.float32).cpu().numpy())
