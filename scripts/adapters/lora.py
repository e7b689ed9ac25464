"""LoRA as peft trains it: a layer's weight, of the one it was trained on and of its parts.

Sources: https://arxiv.org/abs/2106.09685; by the root of the rank, https://arxiv.org/abs/2312.03732; with magnitudes
(DoRA), https://arxiv.org/abs/2402.09353; names and shapes: `LoraLayer` of peft 0.21.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from scripts.console import Failure
from scripts.files.json_files import required, value

PART = re.compile(r"(.+)\.lora_(A|B|embedding_A|embedding_B|magnitude_vector|B\.bias)(?:\.weight)?")
"""Names of a layer's parts, behind the layer's own."""
Parts = Mapping[str, Tensor]
"""Of one layer, by the names of `PART`."""


def layers(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Parts of each layer that has been trained so.

    Raises:
        Failure: one lacks a part.
    """
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if match := PART.fullmatch(name):
            found.setdefault(match[1], {})[match[2]] = tensor.float()
    for module, parts in found.items():
        if not any(parts.keys() >= {f"{kind}A", f"{kind}B"} for kind in ("", "embedding_")):
            raise Failure(f"the adapter of {module} has only {', '.join(sorted(parts))}", fix="copy it again")
    return found


def shape(parts: Parts) -> tuple[int, int]:
    """Of the weight that these parts belong to."""
    return (
        (parts["embedding_A"].shape[1], parts["embedding_B"].shape[0])
        if "embedding_A" in parts
        else (parts["B"].shape[0], parts["A"].shape[1])
    )


def scale(config: Mapping[str, Any], module: str, rank: int) -> float:
    """What the product of a layer's parts is multiplied by.

    Args:
        config: the decoded `adapter_config.json`.
        module: the layer's name, which may have an `alpha` of its own.
        rank: of its parts.
    """
    patterns = value(config, "alpha_pattern", dict) or {}
    own = next((alpha for key, alpha in patterns.items() if re.match(rf"(.*\.)?({key})$", module)), None)
    alpha = required(config, "lora_alpha", float, "adapter_config.json") if own is None else own
    return float(alpha / (rank**0.5 if value(config, "use_rslora", bool, False) else rank))


def merged(weight: Tensor, parts: Parts, scale: float) -> Tensor:
    """The weight of a linear `(out, in)`, or a table `(rows, width)`.

    Args:
        weight: what it was trained on.
        parts: `A` `(rank, in)` and `B` `(out, rank)`, or `embedding_A` `(rank, rows)` and `embedding_B`
            `(width, rank)`; `magnitude_vector` `(out,)` or `(width,)` of DoRA.
        scale: see `scale`.
    """
    table = "embedding_A" in parts
    a, b = (parts["embedding_A"], parts["embedding_B"]) if table else (parts["A"], parts["B"])
    change = (b @ a).T if table else b @ a
    new: Tensor = weight.float() + change * scale
    magnitude = parts.get("magnitude_vector")
    if magnitude is None:
        return new
    lengths: Tensor = torch.linalg.norm(new, dim=0 if table else 1, keepdim=True)
    return new * (magnitude.reshape(lengths.shape) / lengths)
