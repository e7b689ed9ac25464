"""Weights to whole levels, so that the error of a linear's outputs is small rather than that of its weights.

GPTQ (https://arxiv.org/abs/2210.17323, algorithm 1): row after row of the matrix is rounded, and what that does to the
outputs is made up for by the rows that are still to come, as far as inputs go together.
"""

from __future__ import annotations

import torch
from torch import Tensor

DAMPING = 0.01
"""Of the mean square of an input: what every input is taken to vary by alone."""
BLOCK = 128
"""Rows whose effect on those beyond the block is worked out in one product."""


def round_to_levels(weight: Tensor, scale: Tensor, products: Tensor, levels: int) -> Tensor:
    """`(in, out)` whole numbers between `-levels` and `levels`.

    Args:
        weight: `(in, out)`.
        scale: `(out,)` of a level.
        products: `(in, in)` sums of the products of two inputs.
        levels: to either side of zero.
    """
    order = products.diagonal().argsort(descending=True, stable=True)  # the largest while most can make up for them
    rows, factor = (weight / scale)[order], compensation(products[order][:, order])
    whole = torch.empty_like(rows)
    for start in range(0, len(rows), BLOCK):
        stop = min(start + BLOCK, len(rows))
        errors = rows.new_empty(stop - start, rows.shape[1])
        for row in range(start, stop):
            whole[row] = rows[row].round().clamp(-levels, levels)
            errors[row - start] = (rows[row] - whole[row]) / factor[row, row]
            rows[row + 1 : stop] -= factor[row, row + 1 : stop, None] * errors[row - start]
        rows[stop:] -= factor[start:stop, stop:].T @ errors
    return torch.empty_like(whole).index_copy_(0, order, whole)


def compensation(products: Tensor) -> Tensor:
    """`(in, in)` upper Cholesky factor of the inverse: how far later rows make up for each one's error."""
    damped = products.double()
    damped.diagonal().add_(DAMPING * damped.diagonal().mean().clamp(min=torch.finfo(torch.float32).tiny))
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    return torch.Tensor.float(torch.linalg.cholesky(inverse, upper=True))
