"""MPNet: RoBERTa with something added to attention's scores for the distance of two tokens, in all layers the same."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from scripts.files.json_files import value
from scripts.sources.families.bert import EMBEDDINGS, LINEARS
from scripts.sources.families.family import Config, WeightMapping, Weights, numbered
from scripts.sources.families.roberta import ROBERTA

BUCKETS = "relative_attention_num_buckets"
USED = 32
"""Buckets that transformers puts distances in, whatever the configuration says."""


def attention_bias(weights: Weights, config: Config) -> dict[str, Tensor]:
    """A value for each head and distance, `(heads, 2 * longest - 1)`, of the key's position minus the query's."""
    from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

    farthest = config["max_position_embeddings"] - FIRST - 1
    distances = torch.arange(-farthest, farthest + 1)
    buckets = MPNetEncoder.relative_position_bucket(distances, num_buckets=USED)  # type: ignore[no-untyped-call]
    return {"attention_bias": weights["encoder.relative_attention_bias.weight"][buckets].t().contiguous()}


def beyond(config: Config) -> str:
    """A table of buckets that is too short, with which transformers fails as well."""
    buckets = value(config, BUCKETS, int, USED)
    return "" if buckets >= USED else f"{BUCKETS} is {buckets}, and {USED} are used"


FIRST = 2
"""Whatever `pad_token_id` says."""
MPNET = replace(
    ROBERTA,
    encoder=WeightMapping(
        around={ours: theirs for ours, theirs in EMBEDDINGS.items() if ours != "type"},
        layers=numbered("encoder.layer.{}"),
        linears=LINEARS | {"out": "attention.attn.o", "norm1": "attention.LayerNorm"},
        qkv=("attention.attn.q", "attention.attn.k", "attention.attn.v"),
        derived=attention_bias,
    ),
    first_position=FIRST,
    beyond=beyond,
)
