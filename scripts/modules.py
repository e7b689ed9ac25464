"""What sentence-transformers wrote into a folder: which modules it runs, and how."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handler.head import Function
from scripts.console import Failure
from scripts.json_files import load_if_there, load_json

POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
}
MODULES: dict[tuple[str, ...], str] = {
    ("Transformer", "Pooling"): "embedding",
    ("Transformer", "Pooling", "Normalize"): "embedding",
    ("Transformer", "SpladePooling"): "sparse-embedding",
    ("MLMTransformer", "SpladePooling"): "sparse-embedding",
    ("Transformer",): "rerank",
}
"""Chains of modules that are served, and what they are for."""
ACTIVATIONS: dict[str, Function] = {"Sigmoid": "sigmoid", "Identity": "none"}


def read(folder: Path, positions: int) -> dict[str, Any]:
    """Fields of a `Checkpoint` for a folder with `modules.json`.

    Raises:
        Failure: a module is not served, or texts would be changed before the tokenizer sees them.
    """
    listed = load_json(folder / "modules.json")
    names = tuple(str(module["type"]).rsplit(".", 1)[-1] for module in listed)
    if names not in MODULES:
        raise Failure(
            f"{folder} has the modules {', '.join(names)}, which are not served; its vectors would differ from "
            "sentence-transformers'",
            fix=f"served are {'; '.join(', '.join(known) for known in MODULES)}",
        )
    settings = load_if_there(folder / "sentence_bert_config.json")
    check_reproducible(folder, settings)
    longest = settings.get("max_seq_length") or load_if_there(folder / "tokenizer_config.json").get("model_max_length")
    found: dict[str, Any] = {"task": MODULES[names], "max_length": min(longest or positions, positions)}
    if "Pooling" in names:
        pooling = read_pooling(load_json(folder / listed[names.index("Pooling")]["path"] / "config.json"))
        found |= {"pooling": pooling, "normalize": "Normalize" in names}
    if "SpladePooling" in names:
        check_splade(folder, load_json(folder / listed[1]["path"] / "config.json"))
    return found


def check_splade(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse other poolings than the usual one."""
    chosen = config.get("pooling_strategy", "max"), config.get("activation_function", "relu")
    if chosen != ("max", "relu"):
        raise Failure(f"{folder} pools words by {' and '.join(chosen)}", fix="max and relu are served")


def check_reproducible(folder: Path, settings: Mapping[str, Any]) -> None:
    """Refuse what sentence-transformers would do to texts before the tokenizer sees them."""
    normalizer = load_if_there(folder / "tokenizer.json").get("normalizer") or {}
    if settings.get("do_lower_case") and not normalizer.get("lowercase"):
        raise Failure(
            f"{folder} wants texts in lower case (do_lower_case) and its tokenizer keeps case; this is not served",
            fix="set do_lower_case to false in sentence_bert_config.json, and send texts in lower case",
        )
    prompt = load_if_there(folder / "config_sentence_transformers.json").get("default_prompt_name")
    if prompt:
        raise Failure(
            f"{folder} puts its prompt {prompt!r} before each text by default; this is not served",
            fix="set default_prompt_name to null in config_sentence_transformers.json, and send texts with the prompt",
        )


def read_pooling(config: Mapping[str, Any]) -> str:
    """The one pooling mode that is on."""
    modes = [name for name, on in config.items() if name.startswith("pooling_mode_") and on is True]
    named = config.get("pooling_mode")  # the newer form of the file
    if isinstance(named, str) and named in POOLINGS.values():
        return named
    if len(modes) != 1 or modes[0] not in POOLINGS:
        raise Failure(f"pooling {modes or named} cannot be reproduced", fix=f"one of {', '.join(POOLINGS)} is served")
    return POOLINGS[modes[0]]


def is_cross_encoder(config: Mapping[str, Any]) -> bool:
    """Whether `config.json` has been through a `CrossEncoder` of versions before 6."""
    return "sentence_transformers" in config or "sbert_ce_default_activation_function" in config


def activation(folder: Path, config: Mapping[str, Any]) -> Function:
    """What a cross-encoder applies to its score; a sigmoid where nothing is said.

    Raises:
        Failure: something that is not served.
    """
    named = (
        load_if_there(folder / "config_sentence_transformers.json").get("activation_fn")
        or config.get("sentence_transformers", {}).get("activation_fn")
        or config.get("sbert_ce_default_activation_function")
        or "Sigmoid"
    )
    name = str(named).rsplit(".", 1)[-1]
    if name not in ACTIVATIONS:
        raise Failure(f"{folder} applies {named} to its score", fix=f"one of {', '.join(ACTIVATIONS)} is served")
    return ACTIVATIONS[name]
