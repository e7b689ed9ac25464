"""Folders that differ by the files of their tokenizer, and by its special tokens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from tokenizers import Tokenizer

from tests.layouts import models
from tests.layouts.layout import Layout, edit

CLASSIFIER = "BertForSequenceClassification"
FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "vocab.json", "merges.txt")


def only(folder: Path, kind: str, *kept: str) -> None:
    """Nothing but these of the tokenizer's files; vocabularies are written from `tokenizer.json`."""
    models.save(folder, kind, "BertForMaskedLM" if kind == "bert" else "")
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    write_vocabulary(folder, model, kept)
    for name in FILES:
        if name not in kept:
            (folder / name).unlink(missing_ok=True)


def write_vocabulary(folder: Path, model: dict[str, object], kept: tuple[str, ...]) -> None:
    """The files that were there before `tokenizer.json`."""
    vocabulary = model["vocab"]
    if "vocab.txt" in kept and isinstance(vocabulary, dict):
        (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in sorted(vocabulary, key=vocabulary.get)))
    if "merges.txt" in kept and isinstance(model["merges"], list):
        lines = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
        (folder / "merges.txt").write_text("".join(f"{line}\n" for line in ["#version: 0.2", *lines]))
        (folder / "vocab.json").write_text(json.dumps(vocabulary))


def sentencepiece_only(folder: Path, name: str, kind: str) -> None:
    """Pieces in sentencepiece's own file, which only its library reads."""
    models.save(folder, kind)
    (folder / "tokenizer.json").unlink()
    (folder / name).write_bytes(b"\n\x0e\n\x05<unk>\x15\x00\x00\x00\x00\x18\x02")


def no_special_tokens(folder: Path) -> None:
    """A post-processor that adds nothing."""
    models.save(folder, "bert")
    rewritten = json.loads((folder / "tokenizer.json").read_text()) | {"post_processor": None}
    (folder / "tokenizer.json").write_text(json.dumps(rewritten))
    edit(folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")


def other_names(folder: Path) -> None:
    """Special tokens that are called what nobody would look for."""
    names = {"[MASK]": "<hole>", "[PAD]": "<nothing>", "[UNK]": "<what>", "[CLS]": "<begin>", "[SEP]": "<end>"}
    models.save(folder, "bert", "BertForMaskedLM")
    models.rename(folder, names)
    edit(folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")


def added(folder: Path, kind: str) -> None:
    """Tokens that were added after the training, one of them special, with rows for them."""
    models.save(folder, kind, vocab_size=models.WORDS + 8)
    file = str(folder / "tokenizer.json")
    tokenizer = Tokenizer.from_file(file)
    tokenizer.add_tokens(["ferry", "Lisbon"])
    tokenizer.add_special_tokens(["[E1]"])
    tokenizer.save(file)


def rows(folder: Path, more: int) -> None:
    """As many rows more, or fewer, as the tokenizer has tokens."""
    models.save(folder, "bert", vocab_size=models.WORDS + more)


def flags(folder: Path, kind: str = "bert", named: str = "", **changes: object) -> None:
    """Keys of `tokenizer_config.json`."""
    models.save(folder, kind, named)
    edit(folder / "tokenizer_config.json", **changes)


def layouts() -> Iterator[Layout]:
    """All of them."""
    settings = ("tokenizer_config.json", "special_tokens_map.json")
    made: Mapping[str, Callable[[Path], object]] = {
        "vocab.txt only": lambda folder: only(folder, "bert", "vocab.txt"),
        "vocab.txt and settings": lambda folder: only(folder, "bert", "vocab.txt", *settings),
        "tokenizer.json only, BERT": lambda folder: only(folder, "bert", "tokenizer.json"),
        "tokenizer.json only, RoBERTa": lambda folder: only(folder, "roberta", "tokenizer.json"),
        "tokenizer.json only, XLM-R": lambda folder: only(folder, "xlm-roberta", "tokenizer.json"),
        "tokenizer.json only, DeBERTa": lambda folder: only(folder, "deberta-v2", "tokenizer.json"),
        "tokenizer.json only, MPNet": lambda folder: only(folder, "mpnet", "tokenizer.json"),
        "vocab.json and merges.txt": lambda folder: only(folder, "roberta", "vocab.json", "merges.txt"),
        "none": lambda folder: only(folder, "bert"),
        "sentencepiece only, XLM-R": partial(sentencepiece_only, name="sentencepiece.bpe.model", kind="xlm-roberta"),
        "sentencepiece only, ALBERT": partial(sentencepiece_only, name="spiece.model", kind="albert"),
        "sentencepiece only, DeBERTa": partial(sentencepiece_only, name="spm.model", kind="deberta-v2"),
        "no special tokens": no_special_tokens,
        "other names of special tokens": other_names,
        "added tokens": partial(added, kind="bert"),
        "added tokens, RoBERTa": partial(added, kind="roberta"),
        "more rows than tokens": partial(rows, more=40),
        "fewer rows than tokens": partial(rows, more=-10),
        "cased": partial(flags, do_lower_case=False),
        "accents kept": partial(flags, strip_accents=False),
        "Chinese in words": partial(flags, tokenize_chinese_chars=False),
        "add_prefix_space, RoBERTa": partial(flags, kind="roberta", add_prefix_space=True),
        "cuts on the left": partial(flags, truncation_side="left"),
        "pads on the left": partial(flags, padding_side="left"),
        "no token types": partial(flags, named=CLASSIFIER, model_input_names=["input_ids", "attention_mask"]),
        "of no class": partial(flags, named=CLASSIFIER, tokenizer_class="PreTrainedTokenizerFast"),
        "BERTweet": partial(flags, kind="roberta", tokenizer_class="BertweetTokenizer"),
        "PhoBERT": partial(flags, kind="roberta", tokenizer_class="PhobertTokenizer"),
        "Japanese BERT": partial(flags, tokenizer_class="BertJapaneseTokenizer"),
    }
    yield from (Layout("tokenizer", name, make) for name, make in made.items())
