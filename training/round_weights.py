"""Round a weight matrix to int8 so that its product with what really enters it changes least (GPTQ).

Rounding each weight to the nearest step is best only for inputs that don't correlate. GPTQ (Frantar et al. 2023,
arXiv 2210.17323) rounds one input channel after the other, and lets the channels still to come make up for the error,
as far as the inputs' second moment says that they can. Knows nothing of networks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.activations import Doubles
from training.network import Floats, Int8s

LARGEST_WEIGHT = 127
_DAMPING = 0.01
"""Share of the mean variance that is added to each: channels that were hardly seen must not take up large errors."""
_BLOCK = 64
_SMALLEST_SCALE = 1e-10


def round_weights(weight: Floats, moment: Doubles) -> tuple[Int8s, Floats]:
    """Round a matrix, a scale for each output.

    Args:
        weight: `[inputs, outputs]`.
        moment: `[inputs, inputs]`, the mean of x xᵀ over the inputs x.

    Returns:
        Whole numbers up to `LARGEST_WEIGHT`, `[inputs, outputs]`, and the scales `[outputs]` to multiply them with.
    """
    exact = weight.astype(np.float64)
    scale = np.maximum(np.abs(exact).max(axis=0), _SMALLEST_SCALE) / LARGEST_WEIGHT
    order = np.argsort(-np.diag(moment), kind="stable")  # the channels that matter most are rounded first, unburdened
    rounded = _round_in_order(exact[order], _error_shares(moment[np.ix_(order, order)]), scale)
    whole = np.empty(weight.shape, np.int8)
    whole[order] = rounded
    return whole, scale.astype(np.float32)


def _error_shares(moment: Doubles) -> Doubles:
    """The upper Cholesky factor of the inverse: row k says how the channels behind k make up for its error."""
    damped = moment + (_DAMPING * np.diag(moment).mean() + _SMALLEST_SCALE) * np.eye(len(moment))
    return np.asarray(np.linalg.cholesky(np.linalg.inv(damped)).T)


def _round_in_order(remaining: Doubles, shares: Doubles, scale: Doubles) -> npt.NDArray[np.float64]:
    """Block by block, so that most of the making up is one product of matrices a block."""
    inputs = len(remaining)
    rounded = np.empty_like(remaining)
    for start in range(0, inputs, _BLOCK):
        end = min(start + _BLOCK, inputs)
        errors = np.empty((end - start, remaining.shape[1]))
        for row in range(start, end):
            rounded[row] = np.clip(np.round(remaining[row] / scale), -LARGEST_WEIGHT, LARGEST_WEIGHT)
            errors[row - start] = (remaining[row] - rounded[row] * scale) / shares[row, row]
            remaining[row + 1 : end] -= np.outer(shares[row, row + 1 : end], errors[row - start])
        remaining[end:] -= shares[start:end, end:].T @ errors
    return rounded
