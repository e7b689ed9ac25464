"""Configurations that authors published with code of their own, in the words of transformers' classes for them.

Tensors need no more than transformers' own renaming, `conversion_mapping.py`. Keys of GTE: `NTKScalingRotaryEmbedding`
and `NewModel` of its code; of NomicBERT: `NomicBertConfig` of its code; of Jina v3:
`XLMRobertaFlashConfig` of its code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scripts.console import Failure
from scripts.files.json_files import load_if_there, value
from scripts.files.links import substitute
from scripts.sources import task_adapters

Config = Mapping[str, Any]
OTHERWISE = {"position_embedding_type": "rope", "layer_norm_type": "layer_norm", "logn_attention_scale": False}
"""Keys of GTE's code, and what transformers' class does."""
NOMIC = {
    "hidden_size": "n_embd",
    "num_hidden_layers": "n_layer",
    "num_attention_heads": "n_head",
    "intermediate_size": "n_inner",
    "layer_norm_eps": "layer_norm_epsilon",
    "max_position_embeddings": "max_trained_positions",
}
"""transformers' keys, and those of NomicBERT's code."""
JINA = {"rotary_emb_dim": None, "rotary_emb_scale_base": None, "rotary_emb_interleaved": False}
"""Keys of Jina's code, and what transformers' class does."""


def check(config: Config, only: Config, name: str) -> None:
    """Refuse what transformers' class does not do.

    Args:
        config: a decoded `config.json`.
        only: its keys that code of its own reads, and the value that transformers' class has.
        name: of the class, for people.
    """
    for key, had in only.items():
        if config.get(key, had) != had:
            raise Failure(
                f"{key} of config.json is {config[key]}; transformers' {name} has {had}", fix="none is served"
            )


def gte(config: Config) -> dict[str, Any]:
    """Of `model_type` new.

    Its `ntk` multiplies the base by a factor, and divides all frequencies by the factor to the power of `2 / size`:
    that is transformers' `linear` over another base.

    Raises:
        Failure: a key says what transformers' class does not do.
    """
    check(config, OTHERWISE, "GTE")
    scaling = value(config, "rope_scaling", dict) or {}
    kind, base = scaling.get("type", "default"), value(config, "rope_theta", float, 10000.0)
    rope: dict[str, Any] = {"rope_type": kind, "rope_theta": base}
    if kind == "ntk" and scaling.get("mixed_b") is None:
        size = value(config, "hidden_size", int, 768) // value(config, "num_attention_heads", int, 12)
        factor = float(scaling["factor"])
        rope = {"rope_type": "linear", "rope_theta": base * factor, "factor": factor ** (2 / size)}
    kept = {key: said for key, said in config.items() if key not in ("rope_scaling", "rope_theta", *OTHERWISE)}
    names = [f"Gte{name.removeprefix('New')}" for name in value(config, "architectures", list) or []]
    return {**kept, "model_type": "gte", "architectures": names, "rope_parameters": rope}


def nomic(config: Config) -> dict[str, Any]:
    """Of NomicBERT's code, where transformers' keys are not there beside its own."""
    said = {ours: config[theirs] for ours, theirs in NOMIC.items() if ours not in config and theirs in config}
    factor, base = config.get("rotary_scaling_factor"), config.get("rotary_emb_base")
    if base is not None and "rope_parameters" not in config:
        scaled = {"rope_type": "dynamic", "factor": factor} if factor else {"rope_type": "default"}
        said["rope_parameters"] = {"rope_theta": float(base), **scaled}
    return {**config, **said}


def jina(config: Config) -> dict[str, Any]:
    """Of XLM-RoBERTa whose positions are angles.

    Raises:
        Failure: a key says what transformers' class does not do.
    """
    if config.get("position_embedding_type") != "rotary":
        return dict(config)
    check(config, JINA, "Jina v3")
    classes = [
        f"JinaEmbeddingsV3{name.removeprefix('XLMRoberta').replace('LoRA', 'Model')}"
        for name in value(config, "architectures", list) or []
    ]
    kept = {
        key: said for key, said in config.items() if key not in ("position_embedding_type", "rotary_emb_base", *JINA)
    }
    rope = {"rope_type": "default", "rope_theta": value(config, "rotary_emb_base", float, 10000.0)}
    return {**kept, "model_type": "jina_embeddings_v3", "architectures": classes, "rope_parameters": rope}


TRANSLATIONS: Mapping[str, Callable[[Config], dict[str, Any]]] = {"new": gte, "nomic_bert": nomic, "xlm-roberta": jina}
"""By `model_type`."""


def translated(folder: Path) -> Path:
    """A checkpoint folder that transformers' classes read: the same one, or one of links to its files.

    That is there until the process ends. Adapters for tasks are left out.

    Raises:
        Failure: transformers' class does not do what the configuration says.
    """
    config = load_if_there(folder / "config.json")
    translate = TRANSLATIONS.get(value(config, "model_type", str, ""))
    said = translate(config) if translate and "auto_map" in config else config
    if said == config:
        return folder
    if task_adapters.names(config):
        return task_adapters.substitute_for(folder, said, None)
    here = substitute(folder, ["config.json"])
    (here / "config.json").write_text(json.dumps(said, indent=2))
    return here
