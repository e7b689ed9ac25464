"""What peft's `save_pretrained` wrote, merged into its base as `merge_and_unload` does, in float32 and without peft."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file
from torch import Tensor

from scripts.adapters import lora
from scripts.console import Failure
from scripts.files.json_files import load_if_there, load_object, value
from scripts.files.links import link, substitute
from scripts.packing import weights
from scripts.sources import adapters, first_module, pickles, task_adapters
from scripts.sources import checkpoint as checkpoints
from scripts.sources import sentence_transformers as modules
from scripts.sources.checkpoint import Checkpoint

CONFIG = "adapter_config.json"
TENSORS = "adapter_model.safetensors"
PREFIX, LAYER = "base_model.model.", ".base_layer."
"""In names of tensors: before all, and within that of a layer which has been wrapped."""
WHOLE = ("config.json", *task_adapters.FILES, *task_adapters.INDEXES, "model.*.safetensors", "pytorch_model.*.bin")
"""Files of a base that are written anew."""
SERVED = {
    *("base_model_name_or_path", "revision", "task_type", "peft_type", "auto_mapping", "peft_version"),
    *("r", "rank_pattern", "lora_alpha", "alpha_pattern", "use_rslora", "use_dora", "lora_bias", "fan_in_fan_out"),
    *("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "modules_to_save", "bias"),
    *("lora_dropout", "inference_mode", "init_lora_weights", "runtime_config", "megatron_core", "qalora_group_size"),
    *("loftq_config", "eva_config", "corda_config", "lora_ga_config", "ensure_weight_tying"),
}
"""Keys that are read, that tensors say again, or that only training reads.

`fan_in_fan_out` is of `Conv1D`, which no encoder has; peft, too, takes it for false over a `Linear`.
"""
BASE = "name the base that it was trained on"
STARTS = (True, False, None, "gaussian", "eva", "orthogonal")
"""Values of `init_lora_weights` that leave the base as it is."""


def merged(folder: Path, adapter: Path) -> Path:
    """A checkpoint folder with an adapter merged, until the process ends.

    Args:
        folder: of the base.
        adapter: the folder with `adapter_config.json`.

    Raises:
        Failure: the adapter is of another kind than LoRA, or belongs to another model.
    """
    config = load_object(adapter / CONFIG)
    check(adapter, config)
    tensors = read(adapter)
    base = checkpoints.read(folder)
    loaded = load(base, adapter, config, tensors)
    with torch.no_grad():
        written = change(loaded.model, config, tensors)
    inner = base.folder if base.folder == folder else modules.transformer(folder)
    within = inner.relative_to(folder)
    made = substitute(folder, [str(within / name) for name in (*WHOLE, "adapter_*")])
    overlay(adapter, made)
    kept = {name: each for name, each in loaded.model.state_dict().items() if name not in {*loaded.missing} - written}
    loaded.model.save_pretrained(modules.transformer(made), state_dict=kept, save_original_format=False)
    return made


def check(adapter: Path, config: Mapping[str, Any]) -> None:
    """Refuse what is not merged here."""
    kind, start = value(config, "peft_type", str, "", CONFIG), config.get("init_lora_weights")
    further = sorted(key for key, said in config.items() if key not in SERVED and said)
    why = f"peft_type is {kind}" if kind != "LORA" else f"it has {', '.join(further)}" if further else ""
    why = why or ("" if start in STARTS else f"init_lora_weights {start} changes the base, too")
    if why:
        raise Failure(f"the adapter {adapter} is not merged by pack: {why}", fix=adapters.by_peft(adapter))


def read(adapter: Path) -> dict[str, Tensor]:
    """Tensors by names of the base's."""
    file = adapter / TENSORS
    found = load_file(file) if file.exists() else pickles.load(file.with_suffix(".bin"))
    return {name.removeprefix(PREFIX).replace(LAYER, "."): tensor for name, tensor in found.items()}


def load(base: Checkpoint, adapter: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> weights.Loaded:
    """The base in float32, as the class that the adapter was trained on.

    Raises:
        Failure: none of those that it may be has all the layers that the adapter changes.
    """
    task = adapters.CLASSES.get(value(config, "task_type", str, "", CONFIG) or "")
    options: dict[str, Any] = {}
    if task and task != "QuestionAnswering":
        said = value(load_if_there(adapter / "config.json"), "id2label", dict) or {}
        number = adapters.labels(adapter / TENSORS)
        names = {int(key): name for key, name in said.items()}
        options = {"id2label": names} if len(names) == number else {"num_labels": number}
    kinds = (f"AutoModelFor{task}",) if task else (base.architecture, "AutoModel")
    wanted = {match[1] if (match := lora.PART.fullmatch(name)) else name.rpartition(".")[0] for name in tensors}
    lacking: set[str] = set()
    for kind in kinds:
        loaded = weights.load(base, getattr(transformers, kind, transformers.AutoModel), torch.float32, **options)
        lacking = wanted - {name for name, _ in loaded.model.named_modules()}
        if not lacking:
            return loaded
    raise Failure(
        f"the adapter {adapter} changes {min(lacking)}, which a {type(loaded.model).__name__} does not have",
        fix=f"name its base: {value(config, 'base_model_name_or_path', str) or 'the model it was trained on'}",
    )


def change(model: Any, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> set[str]:
    """Put an adapter into a model's weights; the names of those that the adapter has whole.

    Raises:
        Failure: shapes do not fit.
    """
    state = model.state_dict()
    whole = {name: tensor for name, tensor in tensors.items() if not lora.PART.fullmatch(name)}
    for name, tensor in whole.items():
        if name not in state or state[name].shape != tensor.shape:
            theirs = weights.sized(state[name].shape) if name in state else "absent"
            raise Failure(f"{name} is {weights.sized(tensor.shape)} in the adapter, and {theirs} in its base", fix=BASE)
        state[name].copy_(tensor)
    for module, parts in lora.layers(tensors).items():
        weight = state[f"{module}.weight"]
        if weight.shape != lora.shape(parts):
            said = f"{weights.sized(lora.shape(parts))} in the adapter of {module}, and {weights.sized(weight.shape)}"
            raise Failure(f"a weight is {said} in its base", fix=BASE)
        scale = lora.scale(config, module, parts.get("A", parts.get("embedding_A", weight)).shape[0])
        weight.copy_(lora.merged(weight, parts, scale))
        if "B.bias" in parts:
            state[f"{module}.bias"].add_(parts["B.bias"] * scale)
    return set(whole)


def overlay(adapter: Path, made: Path) -> None:
    """What lies beside an adapter takes the place of the base's: tokenizer, and modules of sentence-transformers."""
    names = ["modules.json", modules.MODEL, *first_module.FILES]
    if any((adapter / name).exists() for parts in checkpoints.VOCABULARIES for name in parts):
        names += checkpoints.TOKENIZER_FILES
    folders = modules.listed(adapter)[1:] if (adapter / "modules.json").exists() else []
    files = [adapter / name for name in names] + [file for _, each in folders for file in each.rglob("*")]
    link(files, adapter, made)
