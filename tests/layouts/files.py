"""Weights in every form that folders have, whole and cut short, and what else lies beside them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tests import folders
from tests.layouts import models
from tests.layouts.layout import Layout, edit

WEIGHTS = "model.safetensors"
ADAPTER = {"peft_type": "LORA", "base_model_name_or_path": "base", "r": 4, "lora_alpha": 8, "target_modules": ["query"]}
PLACEHOLDERS = {
    "only ONNX": "onnx/model.onnx",
    "only OpenVINO": "openvino/openvino_model.xml",
    "only GGUF": "model-q8_0.gguf",
    "only TensorFlow": "tf_model.h5",
    "only Flax": "flax_model.msgpack",
    "only CoreML": "coreml/model.mlpackage/Manifest.json",
}
"""Forms of weights that only their presence matters of."""


def bert(folder: Path, kind: str = "bert", named: str = "", **options: Any) -> Path:
    """The folder that the others are made of."""
    return models.save(folder, kind, named, **options)


def remade(make: Callable[[Path, Path], object], folder: Path, kind: str = "bert") -> None:
    """A folder made from another one."""
    with_base = folder.with_name(f"{folder.name}-base")
    bert(with_base, kind)
    make(with_base, folder)


def in_dtype(folder: Path, dtype: str, kind: str = "bert", named: str = "") -> None:
    """Weights saved in half precision."""
    import torch
    from safetensors.torch import load_file, save_file

    bert(folder, kind, named)
    weights = {name: each.to(getattr(torch, dtype)) for name, each in load_file(folder / WEIGHTS).items()}
    save_file(weights, folder / WEIGHTS, {"format": "pt"})
    edit(folder / "config.json", dtype=dtype)


def beside_pickle(folder: Path) -> None:
    """Both forms, with the same values."""
    import torch
    from safetensors.torch import load_file

    bert(folder)
    torch.save(load_file(folder / WEIGHTS), folder / "pytorch_model.bin")


def renamed(folder: Path, to: str) -> None:
    """The weights under another name."""
    bert(folder)
    (folder / to).parent.mkdir(exist_ok=True, parents=True)
    (folder / WEIGHTS).rename(folder / to)


def old_names(folder: Path) -> None:
    """`gamma` and `beta`, as TensorFlow's checkpoints called them, below `bert.`."""
    from safetensors.torch import load_file, save_file

    bert(folder)
    weights = {
        f"bert.{name}".replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): each
        for name, each in load_file(folder / WEIGHTS).items()
    }
    save_file(weights, folder / WEIGHTS, {"format": "pt"})


def adapter(folder: Path, *, weights: bool, config: bool) -> None:
    """LoRA, alone or beside a model's files."""
    import torch
    from safetensors.torch import save_file

    bert(folder)
    if not weights:
        (folder / WEIGHTS).unlink()
    if not config:
        (folder / "config.json").unlink()
    (folder / "adapter_config.json").write_text(json.dumps(ADAPTER))
    save_file({"base_model.model.x.lora_A.weight": torch.ones(4, 64)}, folder / "adapter_model.safetensors")


def trainer(folder: Path, *, finished: bool) -> None:
    """What `Trainer` leaves: checkpoints with optimizers, and after the end the model itself."""
    inner = folder / "checkpoint-500"
    bert(inner)
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", "training_args.bin"):
        (inner / name).write_bytes(b"{}")
    if finished:
        shutil.copytree(inner, folder, dirs_exist_ok=True)


def with_extra_weights(folder: Path) -> None:
    """A tensor that no class knows, such as old files' position ids."""
    import torch
    from safetensors.torch import load_file, save_file

    bert(folder)
    weights = load_file(folder / WEIGHTS) | {"embeddings.position_ids": torch.arange(130)[None]}
    save_file(weights, folder / WEIGHTS, {"format": "pt"})


def layouts() -> Iterator[Layout]:
    """All of them."""
    made: Mapping[str, Callable[[Path], object]] = {
        "sharded": partial(remade, folders.sharded),
        "sharded, MPNet": partial(remade, folders.sharded, kind="mpnet"),
        "pytorch_model.bin": partial(remade, folders.pickled),
        "sharded pytorch_model.bin": partial(remade, folders.sharded_pickles),
        "safetensors beside pytorch_model.bin": beside_pickle,
        "float16": partial(in_dtype, dtype="float16"),
        "bfloat16": partial(in_dtype, dtype="bfloat16"),
        "bfloat16, MPNet": partial(in_dtype, dtype="bfloat16", kind="mpnet"),
        "bfloat16, masked words": partial(in_dtype, dtype="bfloat16", named="BertForMaskedLM"),
        "variant fp16": partial(renamed, to="model.fp16.safetensors"),
        "names of TensorFlow": old_names,
        "LoRA alone": partial(adapter, weights=False, config=False),
        "LoRA with config.json": partial(adapter, weights=False, config=True),
        "LoRA beside weights": partial(adapter, weights=True, config=True),
        "Trainer, unfinished": partial(trainer, finished=False),
        "Trainer, finished": partial(trainer, finished=True),
        "a tensor too many": with_extra_weights,
        **{name: partial(renamed, to=to) for name, to in PLACEHOLDERS.items()},
    }
    yield from (Layout("files", name, make) for name, make in made.items())
