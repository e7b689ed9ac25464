"""What an encoder has to compute, against sums by hand."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from benchmarks.families import __main__ as command
from benchmarks.families.work import Work, pairs
from handler.encoders.description import Description

HIDDEN, INNER = 8, 20
SHAPES = {"qkv": (HIDDEN, 3 * HIDDEN), "out": (HIDDEN, HIDDEN), "up": (HIDDEN, INNER), "down": (INNER, HIDDEN)}
LINEAR = 2 * (3 * 64 + 64 + 160 + 160)


def write(folder, description, **further):
    stored = range(description.stored)
    weights = {
        f"layers.{n}.{name}.weight": np.zeros(shape, np.float32) for n in stored for name, shape in SHAPES.items()
    }
    save_file(weights | further, folder / "weights", description.metadata())
    return Work(folder / "weights")


def described(**keys):
    return Description(**{"layers": [0, 1], "hidden": HIDDEN, "heads": 2, "activation": "gelu", "eps": 1e-12, **keys})


def test_linears_and_attention_of_each_layer(tmp_path):
    work = write(tmp_path, described())
    assert work.flops([3]) == 2 * (3 * LINEAR + 4 * HIDDEN * 9)
    assert work.flops([3, 1]) == work.flops([3]) + 2 * (LINEAR + 4 * HIDDEN)


def test_layers_that_share_weights_are_computed_each(tmp_path):
    projection = {"projection.weight": np.zeros((5, HIDDEN), np.float32)}
    work = write(tmp_path, described(layers=[0, 0, 0]), **projection)
    assert work.flops([1]) == 3 * (LINEAR + 4 * HIDDEN) + 2 * 5 * HIDDEN


@pytest.mark.parametrize(("length", "window"), [(5, 1), (5, 2), (5, 4), (5, 5), (5, 9), (1, 1), (7, 0)])
def test_a_window_is_what_its_mask_lets_through(length, window):
    apart = np.abs(np.arange(length)[:, None] - np.arange(length))
    assert pairs(length, window) == (apart <= (window or length)).sum()


def test_windows_are_of_their_layers(tmp_path):
    work = write(tmp_path, described(windows=[0, 1]))
    assert work.flops([4]) == 2 * 4 * LINEAR + 4 * HIDDEN * (16 + 10)


def test_relative_positions_are_counted_where_a_token_has_a_key_at_them(tmp_path):
    rows = np.array([0, 0, 1, 2, 2], np.int32)  # distances -2 to 2; -2 and -1 are alike, and 1 and 2
    tables = {
        f"layers.{n}.relative_{name}": np.zeros((2, 4, 3), np.float32) for n in (0, 1) for name in ("keys", "queries")
    }
    work = write(tmp_path, described(), relative_rows=rows, **tables)
    # of three tokens the first sees 1 and 2, the second 0 to 2, the third 0 and 1
    assert work.flops([3]) == 2 * (3 * LINEAR + 4 * HIDDEN * 9) + 2 * HIDDEN * 4 * (2 + 3 + 2)


def test_ratios_are_medians_of_rounds_and_of_what_was_done():
    assert command.ratio([2.0, 9.0, 3.0], [1.0, 1.0, 1.0], 1.0) == 3.0
    assert command.ratio([2.0], [1.0], 0.5) == 4.0
