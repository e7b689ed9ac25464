"""Weights rounded so that outputs stay near, against rounding each to its nearest level."""

import torch

from scripts.packing.exports.calibration import Inputs
from scripts.packing.exports.quantize import LEVELS, quantize
from scripts.packing.exports.rounding import round_to_levels

IN, OUT, TOKENS = 40, 24, 400


def weight():
    return torch.randn(IN, OUT, generator=torch.Generator().manual_seed(0))


def inputs():
    """Fewer directions than inputs, so that these go together; the third one outlies."""
    numbers = torch.Generator().manual_seed(1)
    rows = torch.randn(TOKENS, 8, generator=numbers) @ torch.randn(8, IN, generator=numbers)
    rows[:, 2] *= 30
    return rows + 0.1 * torch.randn(TOKENS, IN, generator=numbers)


def test_inputs_that_vary_alone_leave_the_nearest_levels():
    scale = weight().abs().amax(0) / LEVELS
    whole = round_to_levels(weight(), scale, torch.diag(torch.arange(1.0, IN + 1)), LEVELS)
    assert torch.equal(whole, (weight() / scale).round())


def test_inputs_that_go_together_make_up_for_each_other():
    rows, scale = inputs(), weight().abs().amax(0) / LEVELS
    whole = round_to_levels(weight(), scale, rows.T @ rows, LEVELS)
    nearest = (weight() / scale).round()
    off, limit = ((rows @ (each * scale - weight())).square().mean() for each in (whole, nearest))
    assert off < limit / 2
    assert whole.abs().max() <= LEVELS
    assert torch.equal(whole, whole.round())


def test_what_is_smoothed_has_the_same_product_and_a_smaller_range():
    rows = inputs()
    seen = Inputs(rows.T @ rows, rows.abs().amax(0))
    made = quantize({"layers.0.up.weight": weight(), "layers.0.up.bias": torch.zeros(OUT)}, {"layers.0.up": seen})
    smooth, scale = made["layers.0.up.smooth"], made["layers.0.up.scale"]
    product = (rows * smooth) @ (made["layers.0.up.weight"] * scale)
    assert made["layers.0.up.weight"].dtype == torch.int8
    assert (product - rows @ weight()).square().mean() < 1e-4 * (rows @ weight()).square().mean()
    ratio = (each.abs().amax() / each.abs().median() for each in (rows * smooth, rows))
    assert next(ratio) < next(ratio) / 3


def test_inputs_that_are_always_zero():
    seen = Inputs(torch.zeros(IN, IN), torch.zeros(IN))
    made = quantize({"layers.0.qkv.weight": weight() * 0}, {"layers.0.qkv": seen})
    assert all(torch.isfinite(each.float()).all() for each in made.values())
