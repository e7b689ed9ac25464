"""The layers that sentence-transformers puts after pooling, to `dense.safetensors`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import msgspec
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from handler import head as heads
from handler import sides
from handler.activations import OF_MODULES
from handler.head import HeadMetadata, Step
from scripts.console import Failure
from scripts.files.json_files import load_object, required, value
from scripts.packing import layout
from scripts.sources import pickles
from scripts.sources.checkpoint import Checkpoint
from scripts.sources.configuration import pooled_size

TANH = "torch.nn.modules.activation.Tanh"
EPS = 1e-5
"""Of `torch.nn.LayerNorm`, which its module does not change."""
NONE: Mapping[str, str] = {}
SENTENCE = "sentence_embedding"
"""What sentence-transformers calls the pooled vector."""


def write(checkpoint: Checkpoint, folder: Path) -> None:
    """Put them, if there are any, beside the encoder's files.

    Raises:
        Failure: a layer cannot be reproduced, or does not fit the one before it.
    """
    width = pooled_size(checkpoint.config, checkpoint.pooling)
    out = save(checkpoint, checkpoint.dense, width, folder / heads.DENSE) if checkpoint.dense else width
    queries = checkpoint.queries
    if queries is None or queries.folder is not None:
        return
    own = save(checkpoint, queries.dense, width, folder / heads.QUERY_DENSE, {sides.DEFAULT: str(queries.default)})
    if own != out:
        raise Failure(
            f"vectors of queries have {own} dimensions, and those of documents {out}: they cannot be compared",
            fix=f"take the routes of {checkpoint.root} that were trained together",
        )


def save(
    checkpoint: Checkpoint, modules: Sequence[Path], width: int, file: Path, said: Mapping[str, str] = NONE
) -> int:
    """Write a chain that gets so many dimensions, and what else its file says; how many it gives."""
    steps, weights = chain(modules, width, SENTENCE)
    try:
        layout.check_finite(weights)
    except ValueError as error:
        raise Failure(f"a dense layer of {checkpoint.root}: {error}") from None
    description = msgspec.json.encode(HeadMetadata("embedding", steps, eps=EPS)).decode()
    layout.save(weights, file, {heads.META: description, **said})
    return next((len(weights[step.weight]) for step in reversed(steps) if step.weight), width)


def chain(modules: Sequence[Path], hidden: int, reads: str) -> tuple[list[Step], dict[str, Tensor]]:
    """Layers one after the other, and their weights.

    Args:
        modules: their folders.
        hidden: width of what the first one gets.
        reads: what all of them read, as sentence-transformers calls it.
    """
    steps: list[Step] = []
    weights: dict[str, Tensor] = {}
    for number, module in enumerate(modules):
        config, found = load_object(module / "config.json"), read(module)
        if found.keys() == {"norm.weight", "norm.bias"}:
            check_width(module, len(found["norm.weight"]), hidden)
            weights |= {f"{number}.{name}": found[name].float().contiguous() for name in found}
            steps.append(Step("", norm=f"{number}.norm"))
            continue
        check(module, config, found, hidden, reads)
        hidden = found["linear.weight"].shape[0]
        names = {name: f"{number}.{name}" for name in found}
        weights |= {names[name]: found[name].float().contiguous() for name in found}
        added = names.get("residual.weight", "") if value(config, "use_residual", bool, False) else None
        bias = names.get("linear.bias", "")
        steps.append(Step(names["linear.weight"], bias, activation(module, config), residual=added))
    return steps, weights


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


def check(module: Path, config: Mapping[str, Any], found: Mapping[str, Any], hidden: int, reads: str) -> None:
    """Refuse what would give other vectors than sentence-transformers', and what it does not load."""
    file = module / "config.json"
    ends = {value(config, f"module_{end}_name", str, reads, file) for end in ("input", "output")}
    if ends != {reads}:
        raise Failure(f"{module} is a dense layer over something else than {reads}; this is not served")
    residual = {"residual.weight"} if value(config, "use_residual", bool, False, file) else set()
    if residual and found["linear.weight"].shape[0] == found["linear.weight"].shape[1]:
        residual = set()
    check_names(file, value(config, "bias", bool, True, file), found.keys(), residual)
    out, into = found["linear.weight"].shape
    for key, size in (("in_features", into), ("out_features", out)):
        if required(config, key, int, file) != size:
            raise Failure(f"{key} of {file} is {config[key]}, and the weights have {size}", fix=f"set it to {size}")
    check_width(module, into, hidden)


def check_width(module: Path, into: int, hidden: int) -> None:
    """Refuse a layer of another width than what it gets."""
    if into != hidden:
        raise Failure(
            f"{module} takes {into} dimensions, and gets {hidden}", fix="take the model that it was trained with"
        )


def check_names(file: Path, bias: bool, found: Set[str], further: Set[str]) -> None:
    """Refuse other weights than those that the configuration names."""
    named = {"linear.weight", *({"linear.bias"} if bias else ()), *further}
    if found != named:
        said = f"{file.parent} has the weights {', '.join(sorted(found))}; with bias {str(bias).lower()} in its "
        other = f"set bias to {str(not bias).lower()} in {file}"
        fix = other if found ^ named == {"linear.bias"} else "take the weights that belong to it"
        raise Failure(f"{said}config.json they are {', '.join(sorted(named))}", fix=fix)


def activation(module: Path, config: Mapping[str, Any]) -> str:
    """Our name for the layer's activation; it is Tanh where nothing is said."""
    named = value(config, "activation_function", str, TANH, f"{module.name}/config.json")
    known = OF_MODULES.get(named.rsplit(".", 1)[-1]) if named.startswith("torch.") else None
    if known is None:
        fix = f"torch.nn's {', '.join(OF_MODULES)} are served, under names such as {TANH}"
        raise Failure(f"activation_function of {module / 'config.json'} is {named}, which is not served", fix)
    return known
