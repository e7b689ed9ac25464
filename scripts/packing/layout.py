"""Weights of a checkpoint in the layout of the `packed` and `onnx` runtimes.

Each linear is stored `(in, out)`, the three projections of attention as one matrix, everything as float32 in one
`safetensors` file whose metadata holds what the runtime has to know of the model's configuration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from handler.activations import OF_TRANSFORMERS
from handler.config import Dtype
from handler.encoders.description import Description
from handler.kernels.structures import LINEARS
from handler.runtimes.base import WEIGHTS, Placement
from handler.runtimes.eager import Eager
from scripts.files.json_files import value
from scripts.packing.exports import calibration
from scripts.packing.exports.quantize import quantize
from scripts.sources.checkpoint import Checkpoint
from scripts.sources.configuration import activation, first_position, norm_eps
from scripts.sources.families import FAMILIES, family
from scripts.sources.families.family import WeightMapping

TABLES = ("word", "position", "type")
OPTIONAL = ("projection", "norm1", "type", "position")
"""What only some checkpoints of a family have, or some layers."""


def unsupported_reason(config: Mapping[str, Any]) -> str:
    """Why a model cannot run packed; empty when it can."""
    if not family(config).layered:
        return "it has no layers"
    if family(config).encoder is None:
        able = ", ".join(name for name, each in FAMILIES.items() if each.encoder)
        return f"model_type {config.get('model_type')} is not one of {able}"
    reason = family(config).beyond(config)
    if reason:
        return reason
    if activation(config) not in OF_TRANSFORMERS:
        return f"activation {activation(config)} is not one of {', '.join(OF_TRANSFORMERS)}"
    return "it is a decoder" if value(config, "is_decoder", bool, False) else ""


def write(checkpoint: Checkpoint, folder: Path, dtype: Dtype) -> None:
    """Load a checkpoint with transformers, and write `packed.safetensors` into a folder.

    Half precision is a matter of the runtime, which converts; int8 is made here, with the tokenizer that is in the
    folder already, or the checkpoint's.
    """
    eager = Eager(checkpoint.folder, Placement("cpu", "float32"), checkpoint.variant)
    config = eager.model.config.to_dict()
    weights = convert_state_dict(eager.model.state_dict(), config, eager.has_pooler)
    check_finite(weights)
    if dtype == "int8":
        files = (each / calibration.TOKENIZER for each in (folder, checkpoint.folder))
        tokenizer, longest = next(filter(Path.exists, files), None), checkpoint.positions or checkpoint.max_length
        weights = quantize(weights, calibration.measure(eager, linears(config), tokenizer, longest))
    save(weights, folder / WEIGHTS, describe(config).metadata())


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


def describe(config: Mapping[str, Any]) -> Description:
    """What the runtimes read of a whole configuration."""
    keys, order, known = family(config).keys, modules(config), family(config).encoder
    assert known is not None  # `unsupported_reason` has been asked
    stored = list(dict.fromkeys(order))
    return Description(
        layers=[stored.index(module) for module in order],
        hidden=config[keys.hidden],
        heads=config[keys.heads],
        activation=OF_TRANSFORMERS[activation(config)],
        eps=norm_eps(config),
        first_position=first_position(config),
        **known.described(config),
    )


def modules(config: Mapping[str, Any]) -> Sequence[str]:
    """The module of each layer, in the order they are computed; one with shared weights comes several times."""
    known = family(config)
    assert known.encoder is not None  # `unsupported_reason` has been asked
    return known.encoder.layers(config, known.keys)


def linears(config: Mapping[str, Any]) -> dict[str, str]:
    """Transformers' names of modules that read what our linears of the layers read, by our names."""
    names = family(config).encoder
    assert names is not None  # `unsupported_reason` has been asked
    read = {ours: named if isinstance(named, str) else named[0] for ours, named in names.linears.items()}
    read["qkv"] = names.qkv[-1]  # DeBERTa's queries and keys may be those of its relative positions, too
    return {
        f"layers.{number}.{linear}": f"{module}.{read[linear]}"
        for number, module in enumerate(dict.fromkeys(modules(config)))
        for linear in LINEARS
    }


def convert_state_dict(state: Mapping[str, Tensor], config: Mapping[str, Any], pooler: bool) -> dict[str, Tensor]:
    """Rename, transpose and join."""
    names = family(config).encoder
    assert names is not None  # `unsupported_reason` has been asked
    weights: dict[str, Tensor] = {}

    def copy_weight(ours: str, *theirs: str) -> None:
        weight = torch.cat([state[f"{each}.weight"] for each in theirs])
        table = ours in TABLES
        weights[ours if table else f"{ours}.weight"] = weight if table or weight.dim() == 1 else weight.t().contiguous()
        if not table and not (names.rms and weight.dim() == 1):
            weights[f"{ours}.bias"] = torch.cat([bias(state, each) for each in theirs])

    for ours, theirs in names.around.items():
        if ours not in OPTIONAL or f"{theirs}.weight" in state:
            copy_weight(ours, theirs)
    for number, module in enumerate(dict.fromkeys(modules(config))):
        for ours, named in names.linears.items():
            parts = [f"{module}.{part}" for part in ([named] if isinstance(named, str) else named)]
            if ours not in OPTIONAL or f"{parts[0]}.weight" in state:
                copy_weight(f"layers.{number}.{ours}", *parts)
        weights |= projections(state, config, names, number, module)
    if pooler:
        copy_weight("pooler", names.pooler)
    return {**weights, **names.derived(state, config)}


def projections(
    state: Mapping[str, Tensor], config: Mapping[str, Any], names: WeightMapping, number: int, module: str
) -> dict[str, Tensor]:
    """Queries, keys and values of a layer as one linear."""
    parts = [f"{module}.{part}" for part in names.qkv]
    matrices, biases = [state[f"{part}.weight"] for part in parts], [bias(state, part) for part in parts]
    if len(parts) == 3:
        for rows in (matrices, biases):
            rows[:2] = [names.turned(each, config) for each in rows[:2]]
    joined = torch.cat(matrices).t().contiguous()
    return {f"layers.{number}.qkv.weight": joined, f"layers.{number}.qkv.bias": torch.cat(biases)}


def bias(state: Mapping[str, Tensor], module: str) -> Tensor:
    """Of a linear or a normalisation; zeros where it has none, which cost the runtimes nothing to add."""
    weight = state[f"{module}.weight"]
    return state.get(f"{module}.bias", weight.new_zeros(len(weight)))
