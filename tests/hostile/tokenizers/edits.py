"""Edits of a tokenizer's folder: components, added tokens, every key that transformers reads, and its files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from tests.hostile.tokenizers.added import added_tokens
from tests.hostile.tokenizers.components import components
from tests.hostile.tokenizers.folders import Apply, Edit, config, model, several, tokenizer_json

WITH_WORDS = ("WordPiece", "BPE", "WordLevel")
VALUES: Mapping[str, tuple[Any, ...]] = {
    "do_lower_case": (True, False),
    "strip_accents": (True, False, None),
    "keep_accents": (True, False),
    "tokenize_chinese_chars": (True, False),
    "do_basic_tokenize": (False,),
    "never_split": (["ferry"],),
    "add_prefix_space": (True, False),
    "trim_offsets": (True, False),
    "split_by_punct": (True,),
    "remove_space": (False,),
    "unk_token": ("the", "[OTHER]", None),
    "cls_token": ("the", "<begin>", None),
    "sep_token": ("the", "<end>", None),
    "pad_token": ("the", "<blank>", None),
    "mask_token": ("the", "<hole>", None),
    "bos_token": ("the", "<begin>", None),
    "eos_token": ("the", "<end>", None),
    "add_bos_token": (True, False),
    "add_eos_token": (True, False),
    "model_max_length": (16, 10**30, None, 16.0, 1e30),
    "max_len": (16,),
    "padding_side": ("left", "right", "middle"),
    "truncation_side": ("left", "right", "middle"),
    "clean_up_tokenization_spaces": (True, False),
    "use_fast": (True, False),
    "legacy": (True, False),
    "from_slow": (True,),
    "sp_model_kwargs": ({"enable_sampling": True},),
    "split_special_tokens": (True, False),
    "model_input_names": (["input_ids"], ["input_ids", "token_type_ids", "attention_mask"]),
    "max_length": (8,),
    "stride": (3,),
    "errors": ("strict",),
    "backend": ("tokenizers",),
    "chat_template": ("{{ messages }}",),
    "fix_mistral_regex": (True,),
    "init_inputs": (["x"],),
    "auto_map": ({"AutoTokenizer": ["custom.Tokenizer", None]},),
    "tokenizer_file": ("/nonexistent/tokenizer.json",),
    "vocab_file": ("/nonexistent/vocab.txt",),
    "tokenizer_class": (
        *("BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "RobertaTokenizer", "RobertaTokenizerFast"),
        *("XLMRobertaTokenizer", "AlbertTokenizer", "CamembertTokenizer", "MPNetTokenizer", "DebertaV2Tokenizer"),
        *("ElectraTokenizer", "PreTrainedTokenizerFast", "TokenizersBackend", "PreTrainedTokenizer", "LlamaTokenizer"),
        *("BertJapaneseTokenizer", "BertweetTokenizer", "XLMTokenizer", "CanineTokenizer", "Nonesuch", None, 5),
    ),
}
"""Keys of `tokenizer_config.json` that a class of transformers reads, and what they are set to."""


def keys() -> Iterator[Edit]:
    """Each key with each value."""
    for name, values in VALUES.items():
        for value in values:
            yield Edit("tokenizer_config.json", f"{name}={value!r}", partial(config, **{name: value}))


def remove(name: str, folder: Path) -> None:
    """A file that is gone."""
    (folder / name).unlink(missing_ok=True)


def put(name: str, content: bytes, folder: Path) -> None:
    """A file that holds this."""
    (folder / name).write_bytes(content)


def with_bom(folder: Path) -> None:
    """As some editors on Windows write it."""
    put("tokenizer.json", b"\xef\xbb\xbf" + (folder / "tokenizer.json").read_bytes(), folder)


def with_crlf(folder: Path) -> None:
    """Lines as Windows ends them, and an empty one."""
    put("vocab.txt", (folder / "vocab.txt").read_bytes().replace(b"\n", b"\r\n") + b"\r\n", folder)


def vocabulary(folder: Path, alone: bool = True, turned: bool = False) -> None:
    """Write the files from before there was `tokenizer.json`."""
    file = folder / "tokenizer.json"
    found = json.loads(file.read_text())["model"]
    words = sorted(found["vocab"], key=found["vocab"].get)
    words = [*words[:9], *words[:8:-1]] if turned else words
    if found.get("type") == "BPE":
        (folder / "vocab.json").write_text(json.dumps({word: id for id, word in enumerate(words)}))
        merges = "".join(f"{' '.join(pair)}\n" for pair in found["merges"])
        (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}")
    else:
        (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
    if alone:
        file.unlink()


CUT = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
PAD = {"strategy": {"Fixed": 12}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0}
MODELS: Mapping[str, tuple[tuple[str, tuple[Any, ...]], ...]] = {
    "WordPiece": (
        ("max_input_chars_per_word", (5, 200)),
        ("continuing_subword_prefix", ("", "@@")),
        ("unk_token", ("the", "nonesuch")),
    ),
    "BPE": (
        ("dropout", (0.5, 0.0)),
        ("unk_token", ("the",)),
        *((name, (True, False)) for name in ("fuse_unk", "byte_fallback", "ignore_merges")),
        ("end_of_word_suffix", ("</w>",)),
        ("merges", ([],)),
    ),
    "Unigram": (("byte_fallback", (True,)), ("unk_id", (0, None, 10**6)), ("vocab", ([],))),
    "WordLevel": (("unk_token", ("the", "nonesuch")),),
}
"""Keys of the section `model`."""


def sections() -> Iterator[Edit]:
    """What else `tokenizer.json` says."""
    for name, keys in {"right": {}, "left": {"direction": "Left"}, "OnlyFirst": {"strategy": "OnlyFirst"}}.items():
        yield Edit("sections", f"truncation {name}", partial(tokenizer_json, truncation=CUT | keys))
    yield Edit("sections", "padding", partial(tokenizer_json, padding=PAD | {"pad_token": "[PAD]"}))
    for base, listed in MODELS.items():
        for name, values in listed:
            for value in values:
                yield Edit("model", f"{name}={value!r}", partial(model, **{name: value}), (base,))


WRONG = ("", "[]", "{", "5", '{"x": 1}', "\x00", "null")
FILES: Mapping[str, tuple[Apply, tuple[str, ...]]] = {
    "nothing": (lambda folder: None, ()),
    "no tokenizer_config.json": (partial(remove, "tokenizer_config.json"), ()),
    "no tokenizer.json": (partial(remove, "tokenizer.json"), ()),
    "only a vocabulary": (vocabulary, WITH_WORDS),
    "only a vocabulary, no settings": (several(vocabulary, partial(remove, "tokenizer_config.json")), WITH_WORDS),
    "another vocabulary beside": (partial(vocabulary, alone=False, turned=True), WITH_WORDS),
    "only spiece.model": (several(partial(put, "spiece.model", b""), partial(remove, "tokenizer.json")), ("Unigram",)),
    "tokenizer.json, not UTF-8": (partial(put, "tokenizer.json", b'{"\xff": 1}'), ()),
    "tokenizer.json with a BOM": (with_bom, ()),
    "vocab.txt with CRLF and an empty line": (several(vocabulary, with_crlf), ("WordPiece",)),
}
"""What is missing or contradicts, and the bases that it suits."""


def files() -> Iterator[Edit]:
    """`FILES`, and files that hold something else."""
    for name, (apply, suited) in FILES.items():
        yield Edit("files", name, apply, suited)
    listed = ("tokenizer.json", "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json")
    for file, content in product(listed, WRONG):
        yield Edit("files", f"{file} {content!r}", partial(put, file, content.encode()))


def edits() -> list[Edit]:
    """All of them."""
    return [*files(), *sections(), *components(), *added_tokens(), *keys()]
