"""The dense layers that sentence-transformers puts after pooling, to `dense.safetensors`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from safetensors import SafetensorError
from safetensors.torch import load_file

from handler import head as heads
from handler.activations import OF_MODULES
from handler.head import HeadMetadata, Step
from scripts.console import Failure
from scripts.files.json_files import load_object, value
from scripts.packing import layout
from scripts.sources import pickles
from scripts.sources.checkpoint import Checkpoint
from scripts.sources.families import hidden_size

SENTENCE = "sentence_embedding"
"""What sentence-transformers calls the pooled vector."""


def write(checkpoint: Checkpoint, folder: Path) -> None:
    """Put them, if there are any, beside the encoder's files.

    Raises:
        Failure: a layer cannot be reproduced, or does not fit the one before it.
    """
    if not checkpoint.dense:
        return
    steps: list[Step] = []
    weights: dict[str, Any] = {}
    hidden = hidden_size(checkpoint.config)
    for number, module in enumerate(checkpoint.dense):
        config, found = load_object(module / "config.json"), read(module)
        check(module, config, found, hidden)
        hidden = found["linear.weight"].shape[0]
        names = {name: f"{number}.{name}" for name in found}
        weights |= {names[name]: found[name].float().contiguous() for name in found}
        steps.append(Step(names["linear.weight"], names.get("linear.bias", ""), activation(module, config)))
    try:
        layout.check_finite(weights)
    except ValueError as error:
        raise Failure(f"a dense layer of {checkpoint.root}: {error}") from None
    description = msgspec.json.encode(HeadMetadata("embedding", steps)).decode()
    layout.save(weights, folder / heads.DENSE, {heads.META: description})


def read(module: Path) -> Mapping[str, Any]:
    """The weights of a module."""
    if (module / "model.safetensors").exists():
        try:
            return load_file(module / "model.safetensors")
        except SafetensorError as error:
            raise Failure(f"{module / 'model.safetensors'} does not load: {error}") from None
    if (module / "pytorch_model.bin").exists():
        return pickles.load(module / "pytorch_model.bin")
    raise Failure(f"{module} has no weights", fix="model.safetensors or pytorch_model.bin is needed")


def check(module: Path, config: Mapping[str, Any], found: Mapping[str, Any], hidden: int) -> None:
    """Refuse what would give other vectors than sentence-transformers'."""
    file = f"{module.name}/config.json"
    ends = {value(config, f"module_{end}_name", str, SENTENCE, file) for end in ("input", "output")}
    if value(config, "use_residual", bool, False, file) or ends != {SENTENCE}:
        raise Failure(f"{module} is a dense layer with a residual, or not over sentences; this is not served")
    if found.keys() - {"linear.bias"} != {"linear.weight"}:
        raise Failure(f"{module} has the weights {', '.join(found)}; linear.weight and linear.bias are known")
    if found["linear.weight"].shape[1] != hidden:
        raise Failure(f"{module} takes {found['linear.weight'].shape[1]} dimensions, and gets {hidden}")


def activation(module: Path, config: Mapping[str, Any]) -> str:
    """Our name for the layer's activation; it is Tanh where nothing is said."""
    named = value(config, "activation_function", str, "torch.nn.modules.activation.Tanh", f"{module.name}/config.json")
    known = OF_MODULES.get(named.rsplit(".", 1)[-1])
    if known is None:
        raise Failure(f"{module} applies {named}", fix=f"one of {', '.join(OF_MODULES)} is served")
    return known
