"""Small models with heads, whose weights come from numpy's generator: the same whatever library makes the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC"]
USUAL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
RELATIVE = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]}
TYPED = {**USUAL, "type_vocab_size": 2}
"""Of families that usually have one type of token, where MiniLM's tokenizer has two."""
SIZES: dict[str, dict[str, Any]] = {
    "Bert": USUAL,
    "Roberta": USUAL,
    "DistilBert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64},
    "MPNet": USUAL,
    "XLMRoberta": USUAL,
    "Deberta": {**USUAL, **RELATIVE},
    "DebertaV2": {**USUAL, **RELATIVE, "position_buckets": 16},
    "ModernBert": USUAL,
    "Ernie": USUAL,
    "Albert": USUAL,
    "Electra": USUAL,
    "Gte": TYPED,
    "NomicBert": USUAL,
    "JinaEmbeddingsV3": TYPED,
    "EuroBert": {**USUAL, "num_key_value_heads": 2},
    "Data2VecText": TYPED,
    "RobertaPreLayerNorm": USUAL,
    "XLMRobertaXL": TYPED,
    "MegatronBert": USUAL,
    "RemBert": {**USUAL, "input_embedding_size": 16, "output_embedding_size": 24},
    "RoFormer": {**USUAL, "embedding_size": 16},
}
POSITIONS = 66
ANGLES = "embed_positions.weight"
"""RoFormer's sines and cosines, which no training changes."""


def fill(model: Any, seed: int = 0) -> None:
    """Weights of a size that makes answers differ: matrices around 0, normalisations around 1."""
    import torch

    numbers = np.random.default_rng(seed)
    state = model.state_dict()
    for name in sorted(state):
        shape = tuple(state[name].shape)
        if not state[name].is_floating_point() or name.endswith(ANGLES):
            continue
        *_, module, part = ["", *name.lower().split(".")]
        centre = 1.0 if "norm" in module and part == "weight" else 0.0
        values = centre + numbers.normal(0, 0.15, shape)
        with torch.no_grad():
            state[name].copy_(torch.from_numpy(values.astype(np.float32)))


def save(folder: Path, family: str, head: str, tokenizer: Any, **options: Any) -> Path:
    """A checkpoint folder of, say, `BertForTokenClassification`; `options` are keys of its configuration."""
    import transformers

    config = getattr(transformers, f"{family}Config")(
        vocab_size=max(tokenizer.get_vocab().values()) + 1,
        max_position_embeddings=POSITIONS,
        pad_token_id=0,
        **SIZES[family],
        **options,
    )
    model = getattr(transformers, f"{family}{head}")(config).eval()
    fill(model)
    model.save_pretrained(folder)
    tokenizer.model_max_length = POSITIONS - 2
    tokenizer.save_pretrained(folder)
    return folder


def labels(names: list[str]) -> dict[str, Any]:
    """Keys of a configuration."""
    return {"id2label": dict(enumerate(names)), "label2id": {name: number for number, name in enumerate(names)}}


def one_of_each(minilm: Path, here: Path) -> dict[str, Path]:
    """Checkpoints of every kind of head, by the name of their archive, with MiniLM's tokenizer."""
    from transformers import AutoTokenizer

    kinds: dict[str, tuple[str, str, dict[str, Any]]] = {
        "classes": ("Bert", "ForSequenceClassification", labels(["bad", "good", "fair"])),
        "entities": ("Roberta", "ForTokenClassification", labels(LABELS)),
        "answers": ("DistilBert", "ForQuestionAnswering", {}),
        "words": ("Bert", "ForMaskedLM", {}),
        "reranker": ("Bert", "ForSequenceClassification", labels(["relevance"])),
    }
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    return {
        name: save(here / "heads" / name, family, head, tokenizer, **options)
        for name, (family, head, options) in kinds.items()
    }


def nli(minilm: Path, here: Path) -> Path:
    """A checkpoint that says whether one text follows from another, with MiniLM's tokenizer."""
    from transformers import AutoTokenizer

    options = labels(["contradiction", "neutral", "entailment"])
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    return save(here / "heads" / "nli", "Bert", "ForSequenceClassification", tokenizer, **options)
