"""Folders of models with a vector per token: as sentence-transformers saves them, PyLate, and Stanford's ColBERT."""

from __future__ import annotations

import json
import shutil
import string
from pathlib import Path
from typing import Any

WIDTH, SIZE = 32, 16
MARKERS = {"query": "[unused0] ", "document": "[unused1] "}
"""Of Stanford's checkpoints: words of BERT's vocabulary that its tokenizer cuts."""


def saved(base: Path, folder: Path, prompts: dict[str, str] | None = None, **options: Any) -> Path:
    """What `MultiVectorEncoder.save` writes; `options` are those of its first module, `skiplist` and `dense`."""
    import torch
    from sentence_transformers import MultiVectorEncoder
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.base.modules.dense import Dense
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

    torch.manual_seed(0)
    skipped, similarity = options.pop("skiplist", None), options.pop("similarity_fn_name", None)
    layers = [
        Dense(*size, bias, activation, module_input_name="token_embeddings", use_residual=residual)
        for size, bias, activation, residual in options.pop(
            "dense", [((WIDTH, SIZE), False, torch.nn.Identity(), False)]
        )
    ]
    ends = [MultiVectorMask(skipped), *([Normalize("token_embeddings")] if options.pop("normalize", True) else [])]
    modules = [Transformer(str(base), **options), *layers, *ends]
    encoder = MultiVectorEncoder(modules=modules, prompts=prompts, similarity_fn_name=similarity, device="cpu")
    encoder.save(str(folder))
    return folder


def pylate(base: Path, folder: Path, **config: Any) -> Path:
    """What PyLate 1.3 saves: two modules, and the rest in the file of the whole."""
    saved(base, folder)
    listed = json.loads((folder / "modules.json").read_text())[:2]
    listed[0]["type"], listed[1]["type"] = "sentence_transformers.models.Transformer", "pylate.models.Dense.Dense"
    (folder / "modules.json").write_text(json.dumps(listed))
    dense = folder / listed[1]["path"] / "config.json"
    kept = ("in_features", "out_features", "bias", "activation_function")
    dense.write_text(json.dumps({key: value for key, value in json.loads(dense.read_text()).items() if key in kept}))
    whole = {
        "model_type": "ColBERT",
        "query_prefix": MARKERS["query"],
        "document_prefix": MARKERS["document"],
        "query_length": 16,
        "document_length": 24,
        "attend_to_expansion_tokens": False,
        "skiplist_words": list(string.punctuation),
        "do_query_expansion": True,
        "similarity_fn_name": "cosine",
        "prompts": {},
        "default_prompt_name": None,
    }
    (folder / "config_sentence_transformers.json").write_text(json.dumps(whole | config))
    return folder


def stanford(base: Path, folder: Path, **metadata: Any) -> Path:
    """What Stanford's ColBERT saves: the projection beside the encoder's weights."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(base, folder)
    weights = load_file(base / "model.safetensors")
    named = {name if name.startswith("bert.") else f"bert.{name}": weight for name, weight in weights.items()}
    numbers = torch.Generator().manual_seed(0)
    named["linear.weight"] = torch.randn(SIZE, WIDTH, generator=numbers)
    save_file(named, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text()) | {"architectures": ["HF_ColBERT"]}
    (folder / "config.json").write_text(json.dumps(config))
    if metadata:
        (folder / "artifact.metadata").write_text(json.dumps(metadata))
    return folder


def bge_m3(base: Path, folder: Path) -> Path:
    """What BGE-M3's folder holds: an embedding model, and two layers over its tokens, of numbers made by numpy."""
    import numpy as np
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    modules = [Transformer(str(base)), Pooling(WIDTH, "cls"), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder))
    settings = folder / "tokenizer_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"eos_token": "[SEP]"}))
    numbers = np.random.default_rng(0)
    for name, size in (("sparse", 1), ("colbert", WIDTH)):
        weight, bias = numbers.normal(0, 0.3, (size, WIDTH)), numbers.normal(0, 0.3, size)
        state = {"weight": torch.from_numpy(weight).float(), "bias": torch.from_numpy(bias).float()}
        torch.save(state, folder / f"{name}_linear.pt")
    return folder
