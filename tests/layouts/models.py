"""Small models with their tokenizers, of every architecture and every class that it has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.gpu import vocabularies
from tests.heads import LABELS, fill, labels
from tests.layouts import architectures
from tests.layouts.architectures import LENGTH
from tests.layouts.layout import Layout, edit

WORDS = 600
CLASSES: Mapping[str, Mapping[str, Any]] = {
    "1 label": labels(["relevance"]),
    "2 labels": {},
    "3 labels": labels(["contradiction", "entailment", "neutral"]),
    "regression": {**labels(["score"]), "problem_type": "regression"},
    "multi-label": {**labels(["fun", "sad", "new"]), "problem_type": "multi_label_classification"},
}
"""Options of a classifier."""
FULL = ("bert", "roberta", "distilbert", "electra", "mpnet", "deberta-v2", "modernbert", "albert")
"""Families whose classifiers are made with each of these; of the others one with three labels."""
TOKENIZERS: Mapping[str, str] = {
    "deberta-v2": "XLMRoberta",
    "albert": "XLMRoberta",
    "camembert": "XLMRoberta",
    "mpnet": "Bert",
}
"""Families with another tokenizer than WordPiece or, in angles, bytes: as `benchmarks.gpu.vocabularies` names it."""
BYTES = ("modernbert", "eurobert", "roberta", "longformer", "deberta", "luke", "ibert", "qwen3")
BRACKETS = {f"<{angles}>": f"[{name}]" for angles, name in {"s": "CLS", "/s": "SEP", "mask": "MASK"}.items()}
SPECIAL: Mapping[str, Mapping[str, str]] = {
    "deberta-v2": {**BRACKETS, "<pad>": "[PAD]", "<unk>": "[UNK]"},
    "modernbert": {**BRACKETS, "<pad>": "[PAD]", "<unk>": "[UNK]"},
    "albert": BRACKETS,
    "mpnet": {**{after: before for before, after in BRACKETS.items()}, "[PAD]": "<pad>"},
}
"""What special tokens of a family are called, where its tokenizer's kind calls them otherwise."""
OWN_CLASSES: Mapping[str, str] = {"bert": "BertTokenizer", "roberta": "RobertaTokenizer"}
"""Families whose folders name a class of their own in `tokenizer_config.json`."""


def tokenizer(kind: str) -> Any:
    """A small one of the family's kind."""
    default = "XLMRoberta" if architectures.angled(kind) else "Bert"
    return vocabularies.make(TOKENIZERS.get(kind, "Roberta" if kind in BYTES else default), WORDS, LENGTH)


def ids(made: Any) -> dict[str, int]:
    """Keys of a configuration."""
    return {
        "vocab_size": len(made),
        "pad_token_id": made.pad_token_id,
        "bos_token_id": made.cls_token_id,
        "eos_token_id": made.sep_token_id,
        "cls_token_id": made.cls_token_id,
        "sep_token_id": made.sep_token_id,
        "mask_token_id": made.mask_token_id,
    }


def save(folder: Path, kind: str, named: str = "", **options: Any) -> Path:
    """A checkpoint as transformers saves it.

    Args:
        folder: to write.
        kind: a `model_type`.
        named: a class of transformers; default: the bare encoder.
        options: keys of its configuration.
    """
    import transformers

    words = tokenizer(kind)
    config = architectures.config_of(kind, **{**ids(words), **options})
    made = getattr(transformers, named) if named else architectures.model_class(kind)
    model = made(config).eval()
    fill(model)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    rename(folder, SPECIAL.get(kind, {}))
    if kind in OWN_CLASSES:
        edit(folder / "tokenizer_config.json", tokenizer_class=OWN_CLASSES[kind])
    return folder


def rename(folder: Path, names: Mapping[str, str]) -> None:
    """Give special tokens other names, in both files of the tokenizer."""
    for file in (folder / "tokenizer.json", folder / "tokenizer_config.json"):
        text = file.read_text()
        for before, after in names.items():
            text = text.replace(json.dumps(before), json.dumps(after))
        file.write_text(text)


def without_architectures(folder: Path, kind: str, named: str = "", **options: Any) -> None:
    """One that does not say its class."""
    save(folder, kind, named, **options)
    edit(folder / "config.json", architectures=None)


def layouts() -> Iterator[Layout]:
    """Every encoder of transformers, bare and with each head that it has."""
    for kind in architectures.encoders():
        yield Layout(kind, "bare", partial(save, kind=kind))
        yield Layout(kind, "no architectures", partial(without_architectures, kind=kind))
        for task, named in architectures.head_classes(kind).items():
            for name, options in variants(kind, task).items():
                title = f"{task}, {name}" if name else task
                yield Layout(kind, title, partial(save, kind=kind, named=named, **options))


def variants(kind: str, task: str) -> Mapping[str, Mapping[str, Any]]:
    """Options of a head, by their names."""
    if task == "ForSequenceClassification":
        return CLASSES if kind in FULL else {"3 labels": CLASSES["3 labels"]}
    return {"": labels(LABELS) if task == "ForTokenClassification" else {}}


def read(file: Path) -> Any:
    """A JSON file."""
    return json.loads(file.read_text())
