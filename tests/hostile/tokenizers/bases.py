"""Checkpoint folders with small tokenizers of each of transformers' model types, to be edited."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from benchmarks.gpu import vocabularies

SIZE, ROWS, LONGEST = 600, 660, 64
"""Tokens, rows of the model, and its longest sequence."""
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
NAMES = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}


def own(family: str) -> Callable[[], PreTrainedTokenizerBase]:
    """Of a class of its own, which builds its normalizer and its pre-tokenizer from flags."""
    return lambda: vocabularies.make(family, SIZE, LONGEST)


def plain(tokenizer: Tokenizer, trainer: trainers.Trainer) -> PreTrainedTokenizerFast:
    """Of the class that takes `tokenizer.json` as it is."""
    tokenizer.train_from_iterator([vocabularies.TEXT], trainer)
    ends = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", ends)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LONGEST, **NAMES)  # type: ignore[no-untyped-call]


def byte_level() -> PreTrainedTokenizerFast:
    """ModernBERT's: NFC and bytes."""
    made = Tokenizer(models.BPE())
    made.normalizer, made.pre_tokenizer = normalizers.NFC(), pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return plain(
        made,
        trainers.BpeTrainer(vocab_size=SIZE, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False),
    )


def metaspace() -> PreTrainedTokenizerFast:
    """BPE over words that begin with `▁`, as Llama's."""
    made = Tokenizer(models.BPE(unk_token="[UNK]", fuse_unk=True))
    made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    return plain(made, trainers.BpeTrainer(vocab_size=SIZE, special_tokens=SPECIAL, show_progress=False))


def word_level() -> PreTrainedTokenizerFast:
    """Whole words."""
    made = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    return plain(made, trainers.WordLevelTrainer(vocab_size=SIZE, special_tokens=SPECIAL, show_progress=False))


BASES: Mapping[str, tuple[str, str, Callable[[], PreTrainedTokenizerBase]]] = {
    "WordPiece": ("Bert", "BertTokenizer", own("Bert")),
    "byte-level BPE": ("Roberta", "RobertaTokenizer", own("Roberta")),
    "Unigram": ("XLMRoberta", "XLMRobertaTokenizer", own("XLMRoberta")),
    "Unigram, ALBERT": ("Albert", "AlbertTokenizer", own("Albert")),
    "BPE": ("ModernBert", "PreTrainedTokenizerFast", byte_level),
    "BPE, Metaspace": ("ModernBert", "PreTrainedTokenizerFast", metaspace),
    "WordLevel": ("Bert", "PreTrainedTokenizerFast", word_level),
}
"""Name, and of what it is made: the model's family, the tokenizer's class, and the tokenizer."""


def save(name: str, folder: Path) -> None:
    """Write a checkpoint as transformers saves it; its weights are an empty file."""
    family, tokenizer_class, make = BASES[name]
    made = make()
    made.save_pretrained(folder)
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"tokenizer_class": tokenizer_class}))
    ids = {f"{each}_token_id": getattr(made, f"{each}_token_id") for each in ("pad", "cls", "sep")}
    ids |= {"bos_token_id": ids["cls_token_id"], "eos_token_id": ids["sep_token_id"]}
    config = getattr(transformers, f"{family}Config")(vocab_size=ROWS, max_position_embeddings=LONGEST + 2, **ids)
    config.save_pretrained(folder)
    (folder / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")  # no tensors
