"""Rounding while training: what the encoder computes with, and what its gradients don't notice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy
from torch import nn

from training.processes import _cpu_gains_by_bf16
from training.rounding import round_outputs, round_rows, rounded

_MATRICES = hypothesis_numpy.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 8)),
    elements=st.floats(-100, 100, width=32),
)


def _small_encoder() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))


@given(_MATRICES)
def test_a_row_moves_by_at_most_half_of_its_own_step(values: np.ndarray) -> None:
    rows = torch.from_numpy(values)
    step = (rows.amax(dim=1).clamp(min=0) - rows.amin(dim=1).clamp(max=0)) / 255
    # The zero point is rounded as well, which may cost another half step at either end.
    assert torch.all((round_rows(rows) - rows).abs().amax(dim=1) <= 1.001 * step + 1e-5)


@given(_MATRICES)
def test_a_weight_moves_by_at_most_half_of_its_outputs_step(values: np.ndarray) -> None:
    weight = torch.from_numpy(values)
    step = weight.abs().amax(dim=1) / 127
    assert torch.all((round_outputs(weight) - weight).abs().amax(dim=1) <= 0.501 * step + 1e-5)


def test_zero_stays_zero_and_rows_do_not_meet() -> None:
    rows = torch.tensor([[0.0, 0.3, -0.7], [0.0, 300.0, -5.0]])
    assert torch.equal(round_rows(rows)[:, 0], torch.zeros(2))
    assert torch.equal(round_rows(rows)[:1], round_rows(rows[:1]))


def test_within_the_encoder_computes_with_rounded_numbers_and_afterwards_as_before() -> None:
    encoder, rows = _small_encoder(), torch.randn(5, 16)
    exact = encoder(rows)
    with rounded(encoder, when=True):
        rough = encoder(rows)
    assert not torch.equal(rough, exact)
    assert torch.allclose(rough, exact, atol=0.05)
    assert torch.equal(encoder(rows), exact)
    with rounded(encoder, when=False):
        assert torch.equal(encoder(rows), exact)


def test_gradients_are_those_of_the_network_that_was_not_rounded() -> None:
    layer, rows = nn.Sequential(nn.Linear(16, 4)), torch.randn(5, 16, requires_grad=True)
    (exact,) = torch.autograd.grad(layer(rows).sum(), rows)
    with rounded(layer, when=True):
        (found,) = torch.autograd.grad(layer(rows).sum(), rows)
    assert torch.allclose(found, exact, atol=0.05)
    assert torch.all(found != 0)


@pytest.mark.parametrize(
    ("flags", "vendor", "gains"),
    [
        ("avx512f avx512_bf16 amx_bf16", "GenuineIntel", True),
        ("avx512f avx512_bf16", "AuthenticAMD", True),
        ("avx512f avx512_bf16", "GenuineIntel", False),
        ("avx2", "AuthenticAMD", False),
    ],
)
def test_bfloat16_is_taken_where_it_computes_faster(flags: str, vendor: str, gains: bool) -> None:
    assert _cpu_gains_by_bf16(flags, vendor) is gains
