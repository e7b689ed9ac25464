"""Checkpoint folders of any shape, family and head with random weights, as transformers saves them.

transformers' own start, a normal distribution of 0.02, makes a model whose attention is uniform and whose scores are
all alike, so that no difference between two engines shows. Here matrices are normal with 1/sqrt(in), which keeps what
goes through them at the size it came with: queries and keys meet with a standard deviation of about 1, and attention
prefers some tokens over others, as a trained model's does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_file
from torch import Tensor

from benchmarks.gpu import vocabularies
from benchmarks.gpu.sizes import Model
from scripts.sources import families
from scripts.sources.configuration import first_position

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC")
NLI = ("contradiction", "neutral", "entailment")
"""Of tokens; three of them for sequences."""
LAST = {"classifier.weight": 2.0, "out_proj.weight": 2.0, "qa_outputs.weight": 3.0, "decoder.weight": 3.0}
"""Widths of a head's last matrix times sqrt(in): trained heads are sure of many of their answers, and a difference of
two probabilities says nothing where all of them are about 0, as those of hundreds of tokens or words would be."""
TABLES = {"word_embeddings": 3.0, "tok_embeddings": 3.0, "position_embeddings": 1.0, "token_type_embeddings": 1.0}
"""Widths of tables times sqrt(hidden); the words' is most often a vocabulary's last matrix, too."""
NARROW: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("Electra", "Albert", "RoFormer"), ("embedding_size",)),
    "RemBert": ("input_embedding_size", "output_embedding_size"),
}
"""Keys for the width of embeddings, where it may be less than that of the layers."""
MODULES = "sentence_transformers.models"
SPREAD = 0.1  # of biases around 0, and of the weights of normalisations around 1


def save(folder: Path, model: Model, family: str = "Bert", head: str = "Model", seed: int = 0, **config: Any) -> Path:
    """Write a checkpoint folder: configuration, weights, tokenizer.

    Args:
        folder: is made.
        model: its shape; `positions` is the longest sequence, whatever the family's table of positions leaves out.
        family: as transformers names its classes: Bert, Roberta, XLMRoberta, Camembert, DistilBert, MPNet, ...
        head: Model, ForSequenceClassification, ForTokenClassification, ForQuestionAnswering or ForMaskedLM.
        seed: of the weights; equal arguments make equal files.
        config: further keys of `config.json`, which win.
    """
    tokenizer = vocabularies.make(family, model.vocabulary, model.positions)
    kind = getattr(transformers, f"{family}Config")
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "cls", "sep")}
    ids |= {"bos_token_id": ids["cls_token_id"], "eos_token_id": ids["sep_token_id"]}
    offset = first_position({"model_type": kind.model_type, **ids})
    keys = shape(model, family, offset) | ids | ({"type_vocab_size": 1} if offset else {}) | labels(head) | config
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with torch.device("meta"):  # no time is spent on weights that are thrown away
        made = getattr(transformers, f"{family}{head}")(kind(**keys))
    made.to_empty(device="cpu")
    made.tie_weights()
    fill(dict(made.named_parameters()), seed)
    for table in (module for module in made.modules() if hasattr(module, "create_weight")):
        table.weight.data.copy_(table.create_weight())  # RoFormer's angles
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def shape(model: Model, family: str, offset: int) -> dict[str, Any]:
    """Keys of a configuration; no dropout matters, since nothing is trained."""
    named = families.family({"model_type": family.lower()}).keys
    keys = {
        "vocab_size": model.vocabulary,
        named.hidden: model.hidden,
        named.layers: model.layers,
        named.heads: model.heads,
        named.intermediate: model.intermediate_size,
        "max_position_embeddings": model.positions + offset,
    }
    return keys | dict.fromkeys(NARROW.get(family, ()), model.hidden)


def labels(head: str) -> dict[str, Any]:
    """Names of a head's scores."""
    names = {"ForTokenClassification": LABELS, "ForSequenceClassification": NLI}.get(head)
    return {"id2label": dict(enumerate(names)), "label2id": {name: n for n, name in enumerate(names)}} if names else {}


def fill(weights: Mapping[str, Tensor], seed: int) -> None:
    """Random numbers in the order of names, so that nothing but shapes and the seed decides."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name in sorted(weights):
            centre, width = distribution(name, weights[name])
            weights[name].normal_(centre, width, generator=generator)


def distribution(name: str, weight: Tensor) -> tuple[float, float]:
    """Mean and standard deviation."""
    if weight.dim() < 2:
        return float("norm" in name.lower() and name.endswith("weight")), SPREAD
    wide = next((width for part, width in TABLES.items() if part in name), None)
    wide = wide or next((width for end, width in LAST.items() if name.endswith(end)), 1.0)
    return 0.0, wide / weight.shape[-1] ** 0.5


def cross_encoder(folder: Path, model: Model, family: str = "Bert", seed: int = 0, **config: Any) -> Path:
    """One score for a pair, and the mark that sentence-transformers leaves."""
    mark = {"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Sigmoid"}}
    return save(folder, model, family, "ForSequenceClassification", seed, **({"num_labels": 1} | mark | config))


def sentences(
    folder: Path, model: Model, family: str = "Bert", dense: tuple[str, ...] = ("Tanh",), seed: int = 0, **config: Any
) -> Path:
    """What sentence-transformers saves: mean pooling, dense layers of half the width each, scaling to length 1.

    `dense` names activations of `torch.nn`, one for each layer; for the rest see `save`.
    """
    save(folder, model, family, seed=seed, **config)
    names = ["Transformer", "Pooling", *("Dense" for _ in dense), "Normalize"]
    paths = ["", *(f"{number}_{name}" for number, name in enumerate(names[1:], 1))]
    for path in paths[1:]:
        (folder / path).mkdir()
    listed = [{"type": f"{MODULES}.{name}", "path": path} for name, path in zip(names, paths, strict=True)]
    (folder / "modules.json").write_text(json.dumps(listed))
    pooling = {"word_embedding_dimension": model.hidden, "pooling_mode_mean_tokens": True}
    (folder / paths[1] / "config.json").write_text(json.dumps(pooling))
    generator, size = torch.Generator().manual_seed(seed), model.hidden
    for path, activation in zip(paths[2:], dense, strict=False):
        weight = torch.randn(size // 2, size, generator=generator) / size**0.5
        bias = torch.randn(size // 2, generator=generator) * SPREAD
        keys = {"in_features": size, "out_features": size // 2, "bias": True}
        function = {"activation_function": f"torch.nn.modules.activation.{activation}"}
        (folder / path / "config.json").write_text(json.dumps(keys | function))
        save_file({"linear.weight": weight, "linear.bias": bias}, folder / path / "model.safetensors")
        size //= 2
    return folder
