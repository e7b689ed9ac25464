"""Weights of a checkpoint in the layout of the `packed` and `onnx` runtimes.

Each linear is stored `(in, out)`, the three projections of attention as one matrix, everything as float32 in one
`safetensors` file whose metadata holds what the runtime has to know of the model's configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from handler.activations import OF_TRANSFORMERS
from handler.config import Dtype
from handler.runtimes.base import WEIGHTS, Placement
from handler.runtimes.eager import Eager
from scripts.packing.exports.quantize import quantize


@dataclass(frozen=True, slots=True)
class Names:
    """Where a family keeps its weights; `{}` is the number of the layer.

    Attributes:
        layers, heads, activation: keys of `config.json`.
        embeddings: ours -> theirs, for tables and their normalisation.
        linears: ours -> theirs, for linears and normalisations of a layer.
        qkv: the three projections.
    """

    layers: str
    heads: str
    activation: str
    embeddings: Mapping[str, str]
    linears: Mapping[str, str]
    qkv: tuple[str, str, str]


BERT = Names(
    layers="num_hidden_layers",
    heads="num_attention_heads",
    activation="hidden_act",
    embeddings={
        "word": "embeddings.word_embeddings",
        "position": "embeddings.position_embeddings",
        "type": "embeddings.token_type_embeddings",
        "norm": "embeddings.LayerNorm",
    },
    linears={
        "out": "encoder.layer.{}.attention.output.dense",
        "norm1": "encoder.layer.{}.attention.output.LayerNorm",
        "up": "encoder.layer.{}.intermediate.dense",
        "down": "encoder.layer.{}.output.dense",
        "norm2": "encoder.layer.{}.output.LayerNorm",
    },
    qkv=(
        "encoder.layer.{}.attention.self.query",
        "encoder.layer.{}.attention.self.key",
        "encoder.layer.{}.attention.self.value",
    ),
)
DISTILBERT = Names(
    layers="n_layers",
    heads="n_heads",
    activation="activation",
    embeddings={
        "word": "embeddings.word_embeddings",
        "position": "embeddings.position_embeddings",
        "norm": "embeddings.LayerNorm",
    },
    linears={
        "out": "transformer.layer.{}.attention.out_lin",
        "norm1": "transformer.layer.{}.sa_layer_norm",
        "up": "transformer.layer.{}.ffn.lin1",
        "down": "transformer.layer.{}.ffn.lin2",
        "norm2": "transformer.layer.{}.output_layer_norm",
    },
    qkv=(
        "transformer.layer.{}.attention.q_lin",
        "transformer.layer.{}.attention.k_lin",
        "transformer.layer.{}.attention.v_lin",
    ),
)
FAMILIES = {"bert": BERT, "roberta": BERT, "xlm-roberta": BERT, "camembert": BERT, "distilbert": DISTILBERT}
SHIFTED = ("roberta", "xlm-roberta", "camembert")
"""Families whose first position is the padding id + 1."""


def obstacle(config: Mapping[str, Any]) -> str:
    """Why a model cannot run packed; empty when it can."""
    family = str(config.get("model_type"))
    if family not in FAMILIES:
        return f"model_type {family} is not one of {', '.join(FAMILIES)}"
    activation = config.get(FAMILIES[family].activation, "gelu")
    if activation not in OF_TRANSFORMERS:
        return f"activation {activation} is not one of {', '.join(OF_TRANSFORMERS)}"
    positions = config.get("position_embedding_type", "absolute")
    if positions != "absolute":
        return f"position_embedding_type is {positions}, not absolute"
    return "it is a decoder" if config.get("is_decoder") else ""


def write(checkpoint: Path, folder: Path, dtype: Dtype) -> None:
    """Load a checkpoint folder with transformers, and write `packed.safetensors` into another folder.

    Half precision is a matter of the runtime, which converts; int8 is made here.
    """
    eager = Eager(checkpoint, Placement("cpu", "float32"))
    weights = arrange(eager.model.state_dict(), eager.model.config.to_dict(), eager.has_pooler)
    check_finite(weights)
    if dtype == "int8":
        weights = quantize(weights)
    save(weights, folder / WEIGHTS, settings(eager.model.config.to_dict()))


def save(weights: Mapping[str, Tensor], file: Path, metadata: dict[str, str]) -> None:
    """Write tensors; safetensors keeps its files from other users, who may run the server."""
    save_file(dict(weights), file, metadata)
    file.chmod(0o644)


def check_finite(weights: Mapping[str, Tensor]) -> None:
    """Refuse weights of a training that went wrong: every answer would be null.

    Raises:
        ValueError: one holds NaN or infinity.
    """
    for name, weight in weights.items():
        if not torch.isfinite(weight).all():
            raise ValueError(f"{name} holds NaN or infinity")


def settings(config: Mapping[str, Any]) -> dict[str, str]:
    """What the runtime reads from the file's metadata."""
    family = str(config["model_type"])
    names = FAMILIES[family]
    return {
        "layers": str(config[names.layers]),
        "heads": str(config[names.heads]),
        "activation": OF_TRANSFORMERS[config.get(names.activation, "gelu")],
        "eps": str(config.get("layer_norm_eps", 1e-12)),
        "first_position": str(config["pad_token_id"] + 1 if family in SHIFTED else 0),
    }


def arrange(state: Mapping[str, Tensor], config: Mapping[str, Any], pooler: bool) -> dict[str, Tensor]:
    """Rename, transpose and join."""
    names = FAMILIES[str(config["model_type"])]
    weights: dict[str, Tensor] = {}

    def put(ours: str, theirs: str) -> None:
        weight = state[f"{theirs}.weight"]
        table = ours in ("word", "position", "type")
        weights[ours if table else f"{ours}.weight"] = weight if table or weight.dim() == 1 else weight.t().contiguous()
        if not table:
            weights[f"{ours}.bias"] = state[f"{theirs}.bias"]

    for ours, theirs in names.embeddings.items():
        put(ours, theirs)
    for number in range(int(config[names.layers])):
        for ours, theirs in names.linears.items():
            put(f"layers.{number}.{ours}", theirs.format(number))
        parts = [name.format(number) for name in names.qkv]
        joined = torch.cat([state[f"{part}.weight"] for part in parts])
        weights[f"layers.{number}.qkv.weight"] = joined.t().contiguous()
        weights[f"layers.{number}.qkv.bias"] = torch.cat([state[f"{part}.bias"] for part in parts])
    if pooler:
        put("pooler", "pooler.dense")
    return weights
