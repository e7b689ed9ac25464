"""Settings of BERT and its like that folders on the hub differ by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tests.layouts import models
from tests.layouts.layout import Layout, edit

OPTIONS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "activation silu": ("bert", "", {"hidden_act": "silu"}),
    "activation silu, masked words": ("bert", "BertForMaskedLM", {"hidden_act": "silu"}),
    "activation gelu_10": ("bert", "", {"hidden_act": "gelu_10"}),
    "activation mish": ("bert", "", {"hidden_act": "mish"}),
    "activation gelu_new, RoBERTa": ("roberta", "RobertaForSequenceClassification", {"hidden_act": "gelu_new"}),
    "relative_key": ("bert", "", {"position_embedding_type": "relative_key"}),
    "relative_key_query": ("bert", "", {"position_embedding_type": "relative_key_query"}),
    "untied words": ("bert", "BertForMaskedLM", {"tie_word_embeddings": False}),
    "language model head": ("bert", "BertLMHeadModel", {"is_decoder": True}),
    "language model head, no decoder": ("bert", "BertLMHeadModel", {}),
    "layer norm 1e-5": ("bert", "", {"layer_norm_eps": 1e-5}),
    "one token type": ("bert", "", {"type_vocab_size": 1}),
    "sinusoidal positions": ("distilbert", "", {"sinusoidal_pos_embds": True}),
    "no bias in the norm, ModernBERT": ("modernbert", "", {"norm_bias": True}),
    "mean of tokens, ModernBERT": ("modernbert", "ModernBertForSequenceClassification", {"classifier_pooling": "mean"}),
    "no weights for positions": ("deberta-v2", "", {"relative_attention": True, "position_biased_input": False}),
    "relative attention": ("deberta-v2", "", {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]}),
}
"""By name: family, class and keys."""
LONGEST = ("bert", "roberta", "data2vec-text", "luke", "longformer", "xlm-roberta-xl", "camembert", "esm", "nomic_bert")
"""Families made without a `model_max_length` of the tokenizer."""


def no_length(folder: Path, kind: str) -> None:
    """The tokenizer does not say how much the model reads."""
    models.save(folder, kind)
    edit(folder / "tokenizer_config.json", model_max_length=int(1e30))


def other_class(folder: Path, named: str) -> None:
    """`architectures` names a class that is not transformers'."""
    models.save(folder, "bert")
    edit(folder / "config.json", architectures=[named])


def remote_code(folder: Path) -> None:
    """A model that only its own code knows."""
    models.save(folder, "bert")
    edit(folder / "config.json", model_type="own", auto_map={"AutoModel": "modeling.OwnModel"}, architectures=["New"])


def layouts() -> Iterator[Layout]:
    """All of them."""
    for name, (kind, named, options) in OPTIONS.items():
        yield Layout("configuration", name, partial(models.save, kind=kind, named=named, **options))
    for kind in LONGEST:
        yield Layout("configuration", f"no model_max_length, {kind}", partial(no_length, kind=kind))
    for named in ("HF_ColBERT", "BertForEverything", "CustomModel"):
        yield Layout("configuration", f"class {named}", partial(other_class, named=named))
    yield Layout("configuration", "code of its own", remote_code)
