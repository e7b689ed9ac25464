"""EuroBERT: a gated encoder, turned by positions, whose heads may share keys and values, without means in its norms."""

from __future__ import annotations

from typing import Any

from scripts.sources.families import rotary
from scripts.sources.families.family import TOKENS, Chain, Config, ConfigKeys, Family, WeightMapping, linear, numbered


def described(config: Config) -> dict[str, Any]:
    """Of a whole configuration."""
    heads, shared = config["num_attention_heads"], config["num_key_value_heads"]
    grouped = {"key_heads": shared} if shared != heads else {}
    return rotary.described(config) | {"norm_first": True, "gated": True} | grouped


EUROBERT = Family(
    WeightMapping(
        around={"word": "embed_tokens", "final_norm": "norm"},
        layers=numbered("layers.{}"),
        linears={
            "norm1": "input_layernorm",
            "out": "self_attn.o_proj",
            "norm2": "post_attention_layernorm",
            "up": rotary.GATED,
            "down": "mlp.down_proj",
        },
        qkv=rotary.QKV,
        rms=True,
        derived=rotary.frequencies,
        described=described,
        turned=rotary.scaled,
    ),
    {
        "sequence": Chain((linear("dense", "gelu"), linear("classifier")), reads="classifier_pooling", usual="late"),
        "tokens": TOKENS,
        "vocabulary": Chain((linear("lm_head"),)),
    },
    ConfigKeys(eps="rms_norm_eps", usual_eps=1e-5, usual_activation="silu"),
    beyond=rotary.beyond,
    endless=rotary.endless,
)
