"""Let an encoder feel in training what int8 will do to it, so that it learns to be right all the same.

Quantization-aware training with straight-through gradients (Jacob et al. 2018, arXiv 1712.05877): forward, each dense
layer computes with inputs and weights rounded to 256 steps; backward, as if they had not been. What enters a layer is
rounded with a step for each token row, weights with one for each output, which comes close to what
`training/packed_int8.py` does later without needing to know the inputs' range beforehand. Knows nothing of data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as functional
from torch import nn

_LARGEST_UINT8 = 255
_LARGEST_WEIGHT = 127
_SMALLEST_STEP = 1e-8


@contextmanager
def rounded(encoder: nn.Module, *, when: bool) -> Iterator[None]:
    """Within, the encoder's dense layers compute with rounded numbers.

    Args:
        encoder: Its `nn.Linear` layers are meant; embeddings and norms stay exact.
        when: Else nothing changes.
    """
    layers = [module for module in encoder.modules() if isinstance(module, nn.Linear)] if when else []
    for layer in layers:
        layer.forward = _rounded_forward(layer)  # type: ignore[method-assign, assignment]  # taken back below
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _rounded_forward(layer: nn.Linear) -> Callable[[torch.Tensor], torch.Tensor]:
    def forward(rows: torch.Tensor) -> torch.Tensor:
        return functional.linear(round_rows(rows), round_outputs(layer.weight), layer.bias)

    return forward


def round_rows(rows: torch.Tensor) -> torch.Tensor:
    """Round `[…, width]` to 256 steps between each row's smallest and largest value, zero among them."""
    flat = rows.reshape(-1, rows.shape[-1])
    low, high = flat.detach().amin(dim=1).clamp(max=0).float(), flat.detach().amax(dim=1).clamp(min=0).float()
    step = ((high - low) / _LARGEST_UINT8).clamp(min=_SMALLEST_STEP)
    zero_point = (-low / step).round().clamp(0, _LARGEST_UINT8).to(torch.int32)
    rounded_rows = torch.fake_quantize_per_channel_affine(flat.float(), step, zero_point, 0, 0, _LARGEST_UINT8)
    return rounded_rows.reshape(rows.shape).to(rows.dtype)


def round_outputs(weight: torch.Tensor) -> torch.Tensor:
    """Round `[outputs, inputs]` to 255 steps, zero in their middle, reaching as far as each output's largest weight."""
    step = (weight.detach().abs().amax(dim=1) / _LARGEST_WEIGHT).clamp(min=_SMALLEST_STEP)
    zero_point = torch.zeros(len(weight), dtype=torch.int32, device=weight.device)
    return torch.fake_quantize_per_channel_affine(weight, step, zero_point, 0, -_LARGEST_WEIGHT, _LARGEST_WEIGHT)
