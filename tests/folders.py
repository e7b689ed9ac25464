"""Checkpoint folders of every kind, made from one small model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

PROMPTS = {"query": "hello ", "passage": "a cat "}


def sharded(tiny: Path, folder: Path) -> Path:
    """Safetensors in several files."""
    from transformers import AutoModel

    AutoModel.from_pretrained(tiny).save_pretrained(folder, max_shard_size="40KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    return with_tokenizer(tiny, folder)


def pickled(tiny: Path, folder: Path) -> Path:
    """`pytorch_model.bin`, as transformers wrote it before safetensors."""
    import torch
    from safetensors.torch import load_file

    folder.mkdir()
    torch.save(load_file(tiny / "model.safetensors"), folder / "pytorch_model.bin")
    shutil.copy(tiny / "config.json", folder)
    return with_tokenizer(tiny, folder)


def sharded_pickles(tiny: Path, folder: Path) -> Path:
    """`pytorch_model-*.bin` and their index."""
    import torch
    from safetensors.torch import load_file

    folder.mkdir()
    weights = load_file(tiny / "model.safetensors")
    files = {name: f"pytorch_model-{number % 2 + 1:05d}-of-00002.bin" for number, name in enumerate(weights)}
    for file in set(files.values()):
        torch.save({name: weights[name] for name in weights if files[name] == file}, folder / file)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))
    shutil.copy(tiny / "config.json", folder)
    return with_tokenizer(tiny, folder)


def with_tokenizer(tiny: Path, folder: Path) -> Path:
    """The tokenizer's files beside the model's."""
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        if (tiny / name).exists():
            shutil.copy(tiny / name, folder)
    return folder


def sentences(tiny: Path, folder: Path, pooling: str = "mean", dense: tuple[str, ...] = (), **options: Any) -> Path:
    """What sentence-transformers saves: pooling, dense layers of the named activations, scaling, prompts.

    Args:
        tiny: a BertModel of 32 dimensions.
        folder: to write.
        pooling: a mode of its `Pooling`.
        dense: classes of `torch.nn`, one layer each.
        options: `prompts`, `default_prompt_name` of its model, and `normalize`.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer

    torch.manual_seed(len(dense))
    modules: list[Any] = [Transformer(str(tiny)), Pooling(32, pooling)]
    size = 32
    for number, activation in enumerate(dense):
        modules.append(Dense(size, size - 7, bias=number % 2 == 0, activation_function=getattr(torch.nn, activation)()))
        size -= 7
    if options.pop("normalize", False):
        modules.append(Normalize())
    SentenceTransformer(modules=modules, device="cpu", **options).save(str(folder))
    return folder


def old_layout(folder: Path) -> Path:
    """Moves the model into `0_Transformer`, where versions before 2.3 had it."""
    inner = folder / "0_Transformer"
    inner.mkdir()
    root = ("modules.json", "config_sentence_transformers.json", "README.md")
    for file in [file for file in folder.iterdir() if file.is_file() and file.name not in root]:
        file.rename(inner / file.name)
    listed = json.loads((folder / "modules.json").read_text())
    listed[0]["path"] = inner.name
    (folder / "modules.json").write_text(json.dumps(listed))
    return folder
