"""What families share whose queries and keys are turned by their positions (https://arxiv.org/abs/2104.09864)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from torch import Tensor

from scripts.files.json_files import value
from scripts.sources.families.family import Config, ConfigKeys, WeightMapping, Weights, numbered

SERVED = ("default", "linear", "dynamic", "yarn", "llama3")
"""Ways that frequencies are computed once. transformers' `dynamic` is `default` up to `max_position_embeddings`."""
LAYER = {
    "norm1": "post_attention_layernorm",
    "out": "self_attn.o_proj",
    "down": "mlp.down_proj",
    "norm2": "post_mlp_layernorm",
}
"""Names that GTE, NomicBERT and Jina v3 share in transformers."""
QKV = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
GATED = ("mlp.gate_proj", "mlp.up_proj")
"""The half that is activated, and the other one."""


def embedding(config: Config) -> Any:
    """Transformers' module that computes a family's angles, of a whole configuration."""
    from transformers import AutoConfig

    kind = config["model_type"]
    module = import_module(f"transformers.models.{kind}.modeling_{kind}")
    made = next(each for name, each in vars(module).items() if name.endswith("RotaryEmbedding"))
    return made(AutoConfig.for_model(**config))


def frequencies(weights: Weights, config: Config) -> dict[str, Tensor]:
    """How fast the pairs of a head's values are turned, `(size / 2,)`, the same in all layers."""
    return {"rotary.0": embedding(config).inv_freq}


def scaled(rows: Tensor, config: Config) -> Tensor:
    """Weights of queries or keys, which YaRN makes larger by a factor; a rotation passes it on."""
    factor: float = embedding(config).attention_scaling
    return rows * factor


def described(config: Config) -> dict[str, Any]:
    """Of a whole configuration."""
    return {"rotary": [0] * config["num_hidden_layers"]}


def rope_type(config: Config) -> str:
    """In either form that `config.json` may have it in."""
    rope = value(config, "rope_parameters", dict) or value(config, "rope_scaling", dict) or {}
    return str(rope.get("rope_type") or rope.get("type") or "default")


def beyond(config: Config) -> str:
    """Frequencies that depend on the length of a text, or that nobody has tried; heads of a width of their own."""
    if rope_type(config) not in SERVED:
        return f"rope_type {rope_type(config)} is not one of {', '.join(SERVED)}"
    keys = ConfigKeys()
    width, size = value(config, keys.hidden, int, 0), value(config, "head_dim", int) or 0
    heads = value(config, keys.heads, int, 1)
    return f"head_dim {size} times {heads} heads is not {width}" if size and width and size * heads != width else ""


def endless(config: Config) -> bool:
    """Whether angles go on behind the last position that the model was made for."""
    return rope_type(config) != "dynamic"


def mapping(gated: bool, around: Mapping[str, str]) -> WeightMapping:
    """Of a family whose layers are as those of GTE, with or without a gate."""
    return WeightMapping(
        around=around,
        layers=numbered("layers.{}"),
        linears=LAYER | ({"up": GATED} if gated else {"up": "mlp.fc1", "down": "mlp.fc2"}),
        qkv=QKV,
        derived=frequencies,
        described=lambda config: described(config) | {"gated": gated},
        turned=scaled,
    )
