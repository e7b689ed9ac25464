"""ModernBERT: normalised before each half of a layer, turned by positions, gated, and in most layers only nearby."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from scripts.files.json_files import value
from scripts.sources.families.family import (
    CHOICE,
    Chain,
    Config,
    ConfigKeys,
    Family,
    WeightMapping,
    Weights,
    linear,
    numbered,
)

KINDS = ("full_attention", "sliding_attention")
"""Of layers, in the order of their `rotary.N`."""


SERVED = ("default", "linear", "yarn", "llama3")
"""Ways that frequencies are computed once, whatever the length of a text."""


def frequencies(weights: Weights, config: Config) -> dict[str, Tensor]:
    """How fast the pairs of a head's values are turned, for each kind of layer.

    And the projections of layers whose queries and keys YaRN makes larger by a factor, which a rotation passes on.
    """
    from transformers import ModernBertConfig
    from transformers.models.modernbert.modeling_modernbert import ModernBertRotaryEmbedding

    made = ModernBertRotaryEmbedding(ModernBertConfig(**config))
    kinds = [kind for kind in KINDS if kind in config["layer_types"]]
    found = {f"rotary.{KINDS.index(kind)}": getattr(made, f"{kind}_inv_freq") for kind in kinds}
    factors = {kind: getattr(made, f"{kind}_attention_scaling") for kind in kinds}
    width = 2 * config["hidden_size"]
    for number, kind in enumerate(config["layer_types"]):
        for part in ("weight", "bias"):
            rows = weights.get(f"layers.{number}.attn.Wqkv.{part}")
            if factors[kind] != 1 and rows is not None:
                scaled = torch.cat([rows[:width] * factors[kind], rows[width:]])
                found[f"layers.{number}.qkv.{part}"] = scaled.t().contiguous()
    return found


def described(config: Config) -> dict[str, Any]:
    """Of a whole configuration."""
    kinds = config["layer_types"]
    near = config["local_attention"] // 2
    return {
        "norm_first": True,
        "gated": True,
        "windows": [near if kind == "sliding_attention" else 0 for kind in kinds],
        "rotary": [KINDS.index(kind) for kind in kinds],
    }


def beyond(config: Config) -> str:
    """Angles that grow in another way than with the position."""
    kinds = value(config, "rope_parameters", dict) or {}
    types = {each.get("rope_type", "default") for each in kinds.values() if isinstance(each, dict)}
    other = (types | ({"scaled"} if config.get("rope_scaling") else set())) - set(SERVED)
    return f"rope_type {min(other)} is not one of {', '.join(SERVED)}" if other else ""


HEAD = linear("head.dense", "config", "head.norm")
SCORED = (HEAD, linear("classifier"))
ACTIVATION = "classifier_activation"
POOLING = Chain(SCORED, reads="classifier_pooling", activation=ACTIVATION)
MODERNBERT = Family(
    WeightMapping(
        around={"word": "embeddings.tok_embeddings", "norm": "embeddings.norm", "final_norm": "final_norm"},
        layers=numbered("layers.{}"),
        linears={"norm1": "attn_norm", "out": "attn.Wo", "norm2": "mlp_norm", "up": "mlp.Wi", "down": "mlp.Wo"},
        qkv=("attn.Wqkv",),
        derived=frequencies,
        described=described,
    ),
    {
        "sequence": POOLING,
        "tokens": Chain(SCORED, activation=ACTIVATION),
        "span": Chain(SCORED, activation=ACTIVATION),
        "vocabulary": Chain((HEAD, linear("decoder")), activation=ACTIVATION),
    },
    ConfigKeys(activation="hidden_activation", eps="norm_eps", usual_eps=1e-5),
    beyond=beyond,
    endless=lambda config: True,
    further={CHOICE: POOLING},
)
