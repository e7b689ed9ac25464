"""The folders that are mutated: every kind of model, on five families."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tests import folders, heads
from tests.conftest import save_tokenizer

Make = Callable[[Path, Any], object]
LABELS = ["bad", "good", "fair"]


def plain(family: str, head: str, names: list[str], folder: Path, tokenizer: Any) -> None:
    """As transformers saves it."""
    heads.save(folder, family, head, tokenizer, **(heads.labels(names) if names else {}))


def cross_encoder(folder: Path, tokenizer: Any) -> None:
    """As sentence-transformers 6 saves one."""
    from sentence_transformers import CrossEncoder

    inner = folder.with_name(f"{folder.name}-model")
    plain("Bert", "ForSequenceClassification", ["score"], inner, tokenizer)
    CrossEncoder(str(inner), device="cpu").save_pretrained(str(folder))


def sentences(folder: Path, tokenizer: Any) -> None:
    """With a dense layer and prompts."""
    inner = folder.with_name(f"{folder.name}-model")
    plain("Bert", "Model", [], inner, tokenizer)
    folders.sentences(
        inner, folder, dense=("Tanh",), prompts=folders.PROMPTS, default_prompt_name="query", normalize=True
    )


def splade(folder: Path, tokenizer: Any) -> None:
    """Sparse vectors."""
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.modules import MLMTransformer, SpladePooling

    inner = folder.with_name(f"{folder.name}-model")
    plain("Bert", "ForMaskedLM", [], inner, tokenizer)
    SparseEncoder(modules=[MLMTransformer(str(inner)), SpladePooling()], device="cpu").save_pretrained(str(folder))


BASES: Mapping[str, tuple[Make, str]] = {
    "encoder": (partial(plain, "Bert", "Model", []), "hidden-states"),
    "classifier": (partial(plain, "Roberta", "ForSequenceClassification", LABELS), "text-classification"),
    "cross-encoder": (cross_encoder, "rerank"),
    "entities": (partial(plain, "DistilBert", "ForTokenClassification", heads.LABELS), "token-classification"),
    "answers": (partial(plain, "Electra", "ForQuestionAnswering", []), "question-answering"),
    "words": (partial(plain, "Bert", "ForMaskedLM", []), "fill-mask"),
    "sentences": (sentences, "embedding"),
    "splade": (splade, "sparse-embedding"),
    "MPNet": (partial(plain, "MPNet", "ForSequenceClassification", LABELS), "text-classification"),
    "DeBERTa": (partial(plain, "DebertaV2", "Model", []), "hidden-states"),
}
"""What makes each, and its task."""


def save(root: Path) -> dict[str, Path]:
    """All of them."""
    from transformers import BertTokenizerFast

    save_tokenizer(root / "tokenizer")
    made = {}
    for name, (make, _) in BASES.items():
        tokenizer = BertTokenizerFast.from_pretrained(root / "tokenizer")
        made[name] = root / name
        make(made[name], tokenizer)
        special = {key: getattr(tokenizer, key) for key in ("cls_token", "sep_token", "pad_token", "mask_token")}
        (made[name] / "special_tokens_map.json").write_text(json.dumps(special))
        shutil.rmtree(root / f"{name}-model", ignore_errors=True)
    return made
