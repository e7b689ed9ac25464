"""Jina v3's adapters: a LoRA for each task beside each weight, and the weights with one of them merged into them.

Format and formula: `LoRAParametrization` of jinaai/xlm-roberta-flash-implementation. Per task, a linear `(out, in)` has
`A` `(rank, in)` and `B` `(out, rank)`, and gets `B A`; a table `(rows, width)` has `A` `(rows, rank)` and `B`
`(rank, width)`, and gets `A B`; both times `lora_alpha / lora_rank`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.console import Failure
from scripts.files.json_files import checked, required, value
from scripts.files.links import substitute
from scripts.sources import pickles

if TYPE_CHECKING:
    from torch import Tensor

ORIGINAL = ".parametrizations.weight.original"
PART = ".parametrizations.weight.0.lora_"
TABLES = ("word_embeddings", "token_type_embeddings")
FILES = ("model.safetensors", "model-*-of-*.safetensors", "pytorch_model.bin", "pytorch_model-*-of-*.bin")
"""Of weights; the first that are there count."""
INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")


def names(config: Mapping[str, Any]) -> list[str]:
    """Tasks that a decoded `config.json` has adapters for."""
    said = value(config, "lora_adaptations", list) or []
    return [checked(name, str, "lora_adaptations of config.json") for name in said]


def substitute_for(folder: Path, config: Mapping[str, Any], task: str | None) -> Path:
    """A folder in the place of a checkpoint's, with its adapters merged or left out; see `merged`.

    Args:
        folder: of the checkpoint.
        config: what the new one is to have as `config.json`; the names of tasks are left out where one is merged.
        task: see `merged`.
    """
    from safetensors.torch import save_file

    said = {key: each for key, each in config.items() if task is None or key != "lora_adaptations"}

    here = substitute(folder, ["config.json", *FILES, *INDEXES])
    (here / "config.json").write_text(json.dumps(said, indent=2))
    save_file(merged(stored(folder), config, task), here / "model.safetensors", {"format": "pt"})
    return here


def stored(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder, as they are stored."""
    from safetensors.torch import load_file

    found = next((files for pattern in FILES if (files := sorted(folder.glob(pattern)))), [])
    return {
        name: tensor.clone()  # two names of a pickle may be one tensor
        for file in found
        for name, tensor in (pickles.load(file) if file.suffix in pickles.SUFFIXES else load_file(file)).items()
    }


def merged(weights: Mapping[str, Tensor], config: Mapping[str, Any], task: str | None) -> dict[str, Tensor]:
    """Weights under their plain names.

    Args:
        weights: as the checkpoint stores them.
        config: its decoded `config.json`.
        task: whose adapter is merged, in float32; None leaves all of them out, as `encode` without a task does.

    Raises:
        Failure: a weight has no adapter.
    """
    plain = {name: weight for name, weight in weights.items() if PART not in name and not name.endswith(ORIGINAL)}
    for name in weights.keys() - plain.keys():
        if name.endswith(ORIGINAL):
            module = name.removesuffix(ORIGINAL)
            change = 0 if task is None else delta(weights, config, module, names(config).index(task))
            plain[f"{module}.weight"] = weights[name] if task is None else weights[name].float() + change
    return plain


def delta(weights: Mapping[str, Tensor], config: Mapping[str, Any], module: str, number: int) -> Tensor:
    """What a task's adapter adds to a weight, of its shape."""
    parts = [weights.get(f"{module}{PART}{part}") for part in "AB"]
    if any(part is None or len(part) <= number for part in parts):
        raise Failure(
            f"{module} has no adapter {names(config)[number]}, which config.json lists in lora_adaptations",
            fix="copy the whole checkpoint again",
        )
    a, b = (part[number].float() for part in parts if part is not None)
    scale = required(config, "lora_alpha", float, "config.json") / required(config, "lora_rank", int, "config.json")
    return (a @ b if module.endswith(TABLES) else b @ a) * scale
