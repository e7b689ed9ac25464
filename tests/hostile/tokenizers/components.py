"""Every class of the tokenizers library that a `tokenizer.json` may name, found in the library itself."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from tests.hostile.tokenizers.folders import Edit, tokenizer_json

SEP_CLS = (("[SEP]", 3), ("[CLS]", 2))
CHARSMAP = struct.pack("<I", 4096) + bytes(4096) + b"\0"
"""Of sentencepiece, with no rule in it."""
SECTIONS: Mapping[str, tuple[Any, str, Mapping[str, list[Callable[[], Any]]]]] = {
    "normalizer": (
        normalizers,
        "Normalizer",
        {
            "BertNormalizer": [
                partial(normalizers.BertNormalizer, *flags)
                for flags in product((True, False), (True, False), (None, True, False), (True, False))
            ],
            "Sequence": [
                lambda: normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]),
                lambda: normalizers.Sequence([]),
            ],
            "Prepend": [lambda: normalizers.Prepend("▁")],
            "Strip": [partial(normalizers.Strip, *flags) for flags in product((True, False), repeat=2)],
            "Precompiled": [lambda: normalizers.Precompiled(CHARSMAP)],
            "Replace": [lambda: normalizers.Replace(Regex(r"\s+"), " "), lambda: normalizers.Replace("e", "")],
        },
    ),
    "pre_tokenizer": (
        pre_tokenizers,
        "PreTokenizer",
        {
            "ByteLevel": [partial(pre_tokenizers.ByteLevel, *flags) for flags in product((True, False), repeat=3)],
            "CharDelimiterSplit": [lambda: pre_tokenizers.CharDelimiterSplit("e")],
            "Digits": [partial(pre_tokenizers.Digits, flag) for flag in (True, False)],
            "FixedLength": [partial(pre_tokenizers.FixedLength, 3)],
            "Metaspace": [
                partial(pre_tokenizers.Metaspace, "▁", scheme, split)
                for scheme, split in product(("always", "first", "never"), (True, False))
            ],
            "Punctuation": [
                partial(pre_tokenizers.Punctuation, behavior)
                for behavior in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")
            ],
            "Sequence": [
                lambda: pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]),
                lambda: pre_tokenizers.Sequence([]),
            ],
            "Split": [
                partial(pre_tokenizers.Split, Regex(r"\p{L}+|\d"), "isolated", invert) for invert in (True, False)
            ]
            + [lambda: pre_tokenizers.Split(" ", "removed")],
        },
    ),
    "decoder": (
        decoders,
        "Decoder",
        {
            "Replace": [lambda: decoders.Replace("▁", " ")],
            "WordPiece": [partial(decoders.WordPiece, "##", cleanup) for cleanup in (True, False)],
            "Strip": [lambda: decoders.Strip(" ", 1, 0)],
            "Metaspace": [lambda: decoders.Metaspace(prepend_scheme="never")],
            "Sequence": [lambda: decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])],
        },
    ),
    "post_processor": (
        processors,
        "PostProcessor",
        {
            "BertProcessing": [lambda: processors.BertProcessing(*SEP_CLS)],
            "RobertaProcessing": [
                partial(processors.RobertaProcessing, *SEP_CLS, *flags) for flags in product((True, False), repeat=2)
            ],
            "ByteLevel": [partial(processors.ByteLevel, trim_offsets=flag) for flag in (True, False)],
            "Sequence": [lambda: processors.Sequence([processors.ByteLevel(), template("[CLS] $A", "[CLS] $A $B:1")])],
            "TemplateProcessing": [
                lambda: template("$A [SEP]", "$A [SEP] $B:1 [SEP]:1"),
                lambda: template("[CLS] $A", "[CLS] $A $B:1"),
                lambda: template("$A", "$A $B:1"),
                lambda: template("$A", "$A $B"),
                lambda: template("[CLS] [CLS] $A [SEP]", "[CLS] $B [SEP] $A:1 [SEP]:1"),
            ],
        },
    ),
}
"""Sections of `tokenizer.json`: module of the classes, their base class, and how those are made that need arguments."""


def template(single: str, pair: str) -> Any:
    """A post-processor with the first ids as special tokens."""
    return processors.TemplateProcessing(single, pair, [("[CLS]", 2), ("[SEP]", 3)])


def component(section: str, make: Callable[[], Any], folder: Path) -> None:
    """Put an object of the library into a section."""
    shell = Tokenizer(models.BPE())
    setattr(shell, section, make())
    tokenizer_json(folder, **{section: json.loads(shell.to_str())[section]})


def components() -> Iterator[Edit]:
    """Every class that the library has, and none."""
    for section, (module, base, made) in SECTIONS.items():
        ancestor = getattr(module, base)
        names = [
            name for name, value in vars(module).items() if isinstance(value, type) and issubclass(value, ancestor)
        ]
        for name in names:
            if name == base:
                continue
            for number, make in enumerate(made.get(name, [getattr(module, name)])):
                yield Edit(section, f"{name} {number}", partial(component, section, make))
        yield Edit(section, "none", lambda folder, section=section: tokenizer_json(folder, **{section: None}))  # type: ignore[misc]
