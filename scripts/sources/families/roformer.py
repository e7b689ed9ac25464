"""RoFormer: BERT's layers, in which positions turn neighbouring values of queries and keys."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from scripts.files.json_files import value
from scripts.sources.families import rotary
from scripts.sources.families.bert import BERT, ENCODER
from scripts.sources.families.family import Chain, Config, Family, Weights, linear
from scripts.sources.families.gte import AROUND

BASE = 10000
"""Of the angles, in `RoFormerSinusoidalPositionalEmbedding`."""


def frequencies(weights: Weights, config: Config) -> dict[str, Tensor]:
    """How fast the pairs of a head's values are turned, `(size / 2,)`.

    Raises:
        ValueError: the checkpoint's table of angles holds others.
    """
    table = weights["encoder.embed_positions.weight"]
    size = table.shape[1]
    fast = BASE ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angles = torch.arange(len(table))[:, None] * fast
    if not torch.allclose(table, torch.cat([angles.sin(), angles.cos()], -1).float(), atol=1e-5):
        raise ValueError(f"encoder.embed_positions.weight is no table of sines and cosines to the base {BASE}")
    return {"rotary.0": fast.float()}


def halves(rows: Tensor, config: Config) -> Tensor:
    """Rows of each head in another order: the first of each pair, then the second."""
    pairs = rows.view(config["num_attention_heads"], -1, 2, *rows.shape[1:])
    return pairs.transpose(1, 2).reshape(rows.shape)


def beyond(config: Config) -> str:
    """Positions that turn values too."""
    return "rotary_value is true, which turns values too" if value(config, "rotary_value", bool, False) else ""


ROFORMER = Family(
    replace(
        ENCODER,
        around=AROUND | {"projection": "embeddings_project"},
        derived=frequencies,
        described=rotary.described,
        turned=halves,
    ),
    {
        **BERT.heads,
        "sequence": Chain((linear("classifier.dense", "config"), linear("classifier.out_proj"))),
    },
    beyond=beyond,
)
"""Of several choices it scores each by its last token, which may be padding: that head is left alone."""
