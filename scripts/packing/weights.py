"""Whether weights fit the model that `config.json` describes: their shapes, their names, and a prefix of these."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any

import torch
import transformers
from transformers.utils import logging

from handler.runtimes.eager import auto_class, listed
from scripts.sources.checkpoint import Checkpoint
from scripts.sources.families import family

LAYER = re.compile(r"\.(\d+)\.")
SIZES = re.compile(r"(size|dim|positions|embeddings|embd|d_model)$")
"""Keys of `config.json` that say how large tensors are."""
RENAME = (
    ".venv/bin/python -c 'import re, sys, transformers; Model = getattr(transformers, sys.argv[1]); "
    'Model.from_pretrained(sys.argv[2], variant=sys.argv[4] or None, key_mapping={"^" + re.escape(sys.argv[3]): ""})'
    ".save_pretrained(sys.argv[2], save_original_format=False)' "
)
WHOLE = "copy the whole checkpoint again, or save it with save_pretrained where it was trained"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model, and what transformers says of its weights.

    Attributes:
        model: with random numbers for what is missing or of another shape.
        missing: names that the model has and the files do not.
        unexpected: the other way round.
        mismatched: name -> shapes in the files and of the model.
    """

    model: Any
    missing: Sequence[str]
    unexpected: Sequence[str]
    mismatched: Mapping[str, tuple[Sequence[int], Sequence[int]]]


def load(checkpoint: Checkpoint, kind: Any, dtype: torch.dtype | str = "auto", **options: Any) -> Loaded:
    """With a class of transformers, on the CPU; nothing is refused but what it cannot read.

    Args:
        checkpoint: the folder.
        kind: the class.
        dtype: of the model.
        options: keys of its configuration in the place of those in the folder.
    """
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    model, report = kind.from_pretrained(
        checkpoint.folder,
        dtype=dtype,
        variant=checkpoint.variant,
        local_files_only=True,
        trust_remote_code=False,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
        **options,
    )
    shapes = {name: (tuple(ours), tuple(theirs)) for name, ours, theirs in report["mismatched_keys"]}
    return Loaded(model, sorted(report["missing_keys"]), sorted(report["unexpected_keys"]), shapes)


def misfit(checkpoint: Checkpoint) -> tuple[str, str] | None:
    """Why the encoder's weights do not fit, and what to do; None where they do, or where nothing can be said."""
    quantization = checkpoint.config.get("quantization_config")
    if quantization:
        return quantized(quantization)
    try:
        config = transformers.AutoConfig.from_pretrained(checkpoint.folder, local_files_only=True)
        found = load(checkpoint, auto_class(config))
    except Exception:  # of any kind, as transformers' classes fail; who asks has a reason of their own
        return None
    missing = [name for name in found.missing if not name.startswith("pooler.")]
    if found.mismatched:
        return shapes(found.mismatched, found.model.config.to_dict())
    return lacking(checkpoint, found, missing) if missing else None


def quantized(said: Any) -> tuple[str, str]:
    """Of weights that only another library reads."""
    method = said.get("quant_method") if isinstance(said, dict) else said
    return (
        f"quantization_config of config.json says that the weights are quantized: {method}",
        "pack the checkpoint that they were made from, with --dtype int8 for 8-bit weights; or, if they are "
        "floating-point numbers after all, remove quantization_config from config.json",
    )


def shapes(found: Mapping[str, tuple[Sequence[int], Sequence[int]]], config: Mapping[str, Any]) -> tuple[str, str]:
    """Of tensors that are of another shape."""
    name = min(found)
    ours, theirs = found[name]
    why = f"{name} is {sized(ours)} in the weights, and {sized(theirs)} by config.json"
    pairs = [(our, their) for our, their in zip(ours, theirs, strict=False) if our != their]
    for our, their in pairs if len(ours) == len(theirs) else ():
        keys = [key for key, size in config.items() if size == their and SIZES.search(key)]
        if keys:
            return why, f"set {' or '.join(keys)} of config.json to {our}, or take the weights that belong to it"
    return why, "correct config.json, or take the weights that belong to it"


def sized(shape: Sequence[int]) -> str:
    """`3 x 32`."""
    return " x ".join(map(str, shape))


def lacking(checkpoint: Checkpoint, found: Loaded, missing: Sequence[str]) -> tuple[str, str]:
    """Of tensors that are not there, under their names at least."""
    why = f"the checkpoint lacks {len(missing)} weights of its model: {listed(missing)}"
    said = found.model.config.model_type
    named = getattr(transformers, checkpoint.architecture, None)
    kind = getattr(named, "config_class", type(found.model.config)).model_type
    if kind != said:
        why = f"{why}; config.json says model_type {said!r}, and {checkpoint.architecture}, which is {kind!r}"
        return why, f'set model_type of config.json to "{kind}", or architectures to a class of {said!r}'
    prefix = prefix_of(missing, found.unexpected)
    if prefix:
        class_name, prefix = renamed(checkpoint, found.model, prefix)
        why = f"{why}; the weights have them with {prefix!r} before their names"
        return why, RENAME + " ".join(
            map(quote, (class_name, str(checkpoint.folder), prefix, checkpoint.variant or ""))
        )
    key, layers = family(checkpoint.config).keys.layers, layers_of(found.model.state_dict(), missing)
    if layers:
        return why, f"set {key} of config.json to {layers}, which is how many the weights have; or {WHOLE}"
    return why, WHOLE


def prefix_of(missing: Sequence[str], unexpected: Sequence[str]) -> str:
    """What stands before each missing name among the unexpected ones; else empty."""
    if not missing:
        return ""
    there = set(unexpected)
    found = {name.removesuffix(missing[0]) for name in unexpected if name.endswith(f".{missing[0]}")}
    return next((each for each in sorted(found) if all(f"{each}{name}" in there for name in missing)), "")


def renamed(checkpoint: Checkpoint, encoder: Any, prefix: str) -> tuple[str, str]:
    """The class that loads all of the folder, and what is in the way of its own names."""
    known = getattr(transformers, checkpoint.architecture, None)
    if known is None or isinstance(encoder, known):
        return type(encoder).__name__, prefix
    return checkpoint.architecture, prefix.removesuffix(f"{known.base_model_prefix}.")


def layers_of(names: Mapping[str, Any], missing: Sequence[str]) -> int:
    """How many layers are whole, where the last ones are missing and nothing else is; else 0."""
    numbers = [LAYER.search(name) for name in missing]
    if not all(numbers):
        return 0
    first = min(int(found[1]) for found in numbers if found)
    behind = {name for name in names if (found := LAYER.search(name)) and int(found[1]) >= first}
    return first if behind == set(missing) else 0
