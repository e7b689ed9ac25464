"""Weights of a checkpoint in the layout of the `packed` and `onnx` runtimes.

Each linear is stored `(in, out)`, the three projections of attention as one matrix, everything as float32 in one
`safetensors` file whose metadata holds what the runtime has to know of the model's configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from handler.activations import OF_TRANSFORMERS
from handler.config import Dtype
from handler.runtimes.base import WEIGHTS, Placement
from handler.runtimes.eager import Eager
from scripts.files.json_files import value
from scripts.packing.exports.quantize import quantize
from scripts.sources.families import FAMILIES, activation, family, norm_eps, position_offset


def unsupported_reason(config: Mapping[str, Any]) -> str:
    """Why a model cannot run packed; empty when it can."""
    if family(config).encoder is None:
        able = ", ".join(name for name, each in FAMILIES.items() if each.encoder)
        return f"model_type {config.get('model_type')} is not one of {able}"
    if activation(config) not in OF_TRANSFORMERS:
        return f"activation {activation(config)} is not one of {', '.join(OF_TRANSFORMERS)}"
    positions = value(config, "position_embedding_type", str, "absolute")
    if positions != "absolute":
        return f"position_embedding_type is {positions}, not absolute"
    return "it is a decoder" if value(config, "is_decoder", bool, False) else ""


def write(checkpoint: Path, folder: Path, dtype: Dtype, variant: str | None = None) -> None:
    """Load a checkpoint folder with transformers, and write `packed.safetensors` into another folder.

    Half precision is a matter of the runtime, which converts; int8 is made here.
    """
    eager = Eager(checkpoint, Placement("cpu", "float32"), variant)
    weights = convert_state_dict(eager.model.state_dict(), eager.model.config.to_dict(), eager.has_pooler)
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
    keys = family(config).keys
    return {
        "layers": str(config[keys.layers]),
        "heads": str(config[keys.heads]),
        "activation": OF_TRANSFORMERS[activation(config)],
        "eps": str(norm_eps(config)),
        "first_position": str(position_offset(config)),
    }


def convert_state_dict(state: Mapping[str, Tensor], config: Mapping[str, Any], pooler: bool) -> dict[str, Tensor]:
    """Rename, transpose and join."""
    names = family(config).encoder
    assert names is not None  # `unsupported_reason` has been asked
    weights: dict[str, Tensor] = {}

    def copy_weight(ours: str, theirs: str) -> None:
        weight = state[f"{theirs}.weight"]
        table = ours in ("word", "position", "type")
        weights[ours if table else f"{ours}.weight"] = weight if table or weight.dim() == 1 else weight.t().contiguous()
        if not table:
            weights[f"{ours}.bias"] = state[f"{theirs}.bias"]

    for ours, theirs in names.embeddings.items():
        copy_weight(ours, theirs)
    for number in range(int(config[family(config).keys.layers])):
        for ours, theirs in names.linears.items():
            copy_weight(f"layers.{number}.{ours}", theirs.format(number))
        parts = [name.format(number) for name in names.qkv]
        joined = torch.cat([state[f"{part}.weight"] for part in parts])
        weights[f"layers.{number}.qkv.weight"] = joined.t().contiguous()
        weights[f"layers.{number}.qkv.bias"] = torch.cat([state[f"{part}.bias"] for part in parts])
    if pooler:
        copy_weight("pooler", "pooler.dense")
    return weights
