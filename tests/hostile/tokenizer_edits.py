"""Edits of a tokenizer's folder: every class of the tokenizers library, every flag of added tokens, every key that is read."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

Apply = Callable[[Path], None]
SEP_CLS = (("[SEP]", 3), ("[CLS]", 2))
CHARSMAP = struct.pack("<I", 4096) + bytes(4096) + b"\0"
"""Of sentencepiece, with no rule in it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change.

    Attributes:
        kind: row of the table.
        name: what is changed.
        apply: changes a folder.
        bases: words of which a base's name has one; empty for all.
    """

    kind: str
    name: str
    apply: Apply
    bases: tuple[str, ...] = ()


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


def change(file: Path, **keys: Any) -> None:
    """Set keys of a JSON file, which is made when it is missing; None removes one."""
    before = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({key: value for key, value in (before | keys).items() if value is not Ellipsis}))


def tokenizer_json(folder: Path, **keys: Any) -> None:
    """Set keys of `tokenizer.json`."""
    change(folder / "tokenizer.json", **keys)


def model(folder: Path, **keys: Any) -> None:
    """Set keys of the section `model`."""
    tokenizer_json(folder, model=json.loads((folder / "tokenizer.json").read_text())["model"] | keys)


def config(folder: Path, **keys: Any) -> None:
    """Set keys of `tokenizer_config.json`."""
    change(folder / "tokenizer_config.json", **keys)


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


def free(folder: Path) -> int:
    """The first id that is not taken."""
    return Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()


def token(content: str, **flags: bool) -> dict[str, Any]:
    """An added token with its flags."""
    return {
        "content": content,
        **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False),
        **flags,
    }


def in_tokenizer_json(flags: Mapping[str, bool], content: str, folder: Path) -> None:
    """Append an added token."""
    listed = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
    tokenizer_json(folder, added_tokens=[*listed, {"id": free(folder), **token(content, **flags)}])


def in_decoder(flags: Mapping[str, bool], content: str, folder: Path) -> None:
    """Append one to `added_tokens_decoder`."""
    listed = json.loads((folder / "tokenizer_config.json").read_text()).get("added_tokens_decoder", {})
    config(folder, added_tokens_decoder={**listed, str(free(folder)): token(content, **flags)})


def in_special_map(flags: Mapping[str, bool], content: str, folder: Path) -> None:
    """Make it the mask, as `special_tokens_map.json` says it."""
    config(folder, mask_token=...)
    change(folder / "special_tokens_map.json", mask_token=token(content, **flags))


def in_mask(flags: Mapping[str, bool], content: str, folder: Path) -> None:
    """Make it the mask, as `tokenizer_config.json` says it."""
    config(folder, mask_token={"__type": "AddedToken", **token(content, **flags)})


def in_extra(flags: Mapping[str, bool], content: str, folder: Path) -> None:
    """Make it an additional special token of `special_tokens_map.json`."""
    change(folder / "special_tokens_map.json", extra_special_tokens=[token(content, **flags)])


PLACES = (in_tokenizer_json, in_decoder, in_special_map, in_mask, in_extra)


def added_tokens() -> Iterator[Edit]:
    """Each flag alone, all and none, in each place where a token may be said."""
    names = ("single_word", "lstrip", "rstrip", "normalized", "special")
    flags = [
        {},
        *({name: True} for name in names),
        dict.fromkeys(names, True),
        {"lstrip": True, "rstrip": True, "special": True},
    ]
    for place, chosen in product(PLACES, flags):
        yield Edit("added token", f"{place.__name__} {' '.join(chosen)}", partial(place, chosen, "[New] "[:-1]))
    for content in ("the", " ferry ", "É", "ﬁ", "ARIVER", "▁the", "Ġthe", "##er", "\n", "渡船", "🙂", "e\u0301"):
        yield Edit("added token", f"{content!r}", partial(in_tokenizer_json, {"normalized": True}, content))
        yield Edit("added token", f"{content!r} as it is typed", partial(in_tokenizer_json, {}, content))
    yield Edit(
        "added token",
        "added_tokens.json",
        lambda folder: change(folder / "added_tokens.json", **{"[New]": free(folder)}),
    )
    yield Edit(
        "added token",
        "added_tokens.json with a hole",
        lambda folder: change(folder / "added_tokens.json", **{"[New]": free(folder) + 9}),
    )
    yield Edit(
        "added token",
        "added_tokens.json beyond the model",
        lambda folder: change(folder / "added_tokens.json", **{f"[New{n}]": free(folder) + n for n in range(70)}),
    )
    yield Edit(
        "added token",
        "twice",
        lambda folder: (
            [in_tokenizer_json({"special": True}, "[New]", folder), in_decoder({"lstrip": True}, "[New]", folder)]
            and None
        ),
    )  # type: ignore[func-returns-value]
    yield Edit(
        "added token",
        "additional_special_tokens",
        partial(config, additional_special_tokens=["[New]", "<tag>"], extra_special_tokens=...),
    )
    yield Edit("added token", "extra_special_tokens", partial(config, extra_special_tokens=["[New]", "<tag>"]))
    yield Edit(
        "added token", "extra_special_tokens as a map", partial(config, extra_special_tokens={"image_token": "<image>"})
    )
    yield Edit("added token", "image_token", partial(config, image_token="<image>"))


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


def remove(*names: str) -> Apply:
    """Files that are gone."""
    return lambda folder: [(folder / name).unlink(missing_ok=True) for name in names] and None  # type: ignore[func-returns-value]


def vocabulary(folder: Path, alone: bool = True, turned: bool = False) -> None:
    """Write the files from before there was `tokenizer.json`."""
    file = folder / "tokenizer.json"
    found = json.loads(file.read_text())["model"]
    words = sorted(found["vocab"], key=found["vocab"].get)
    words = [*words[:9], *words[:8:-1]] if turned else words
    if found.get("type") == "BPE":
        (folder / "vocab.json").write_text(json.dumps({word: id for id, word in enumerate(words)}))
        (folder / "merges.txt").write_text(
            "#version: 0.2\n" + "".join(f"{' '.join(pair)}\n" for pair in found["merges"])
        )
    else:
        (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
    if alone:
        file.unlink()


def sections() -> Iterator[Edit]:
    """What else `tokenizer.json` says."""
    cut = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
    pad = {
        "strategy": {"Fixed": 12},
        "direction": "Left",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    yield Edit("sections", "truncation", partial(tokenizer_json, truncation=cut))
    yield Edit("sections", "truncation, left", partial(tokenizer_json, truncation=cut | {"direction": "Left"}))
    yield Edit("sections", "truncation, OnlyFirst", partial(tokenizer_json, truncation=cut | {"strategy": "OnlyFirst"}))
    yield Edit("sections", "padding", partial(tokenizer_json, padding=pad))
    for name, values in {
        "max_input_chars_per_word": (5, 200),
        "continuing_subword_prefix": ("", "@@"),
        "unk_token": ("the", "nonesuch"),
    }.items():
        for value in values:
            yield Edit("model", f"{name} {value!r}", partial(model, **{name: value}), ("WordPiece",))
    for name, value in (
        ("dropout", 0.5),
        ("dropout", 0.0),
        ("unk_token", "the"),
        ("fuse_unk", True),
        ("byte_fallback", True),
        ("ignore_merges", True),
        ("ignore_merges", False),
        ("end_of_word_suffix", "</w>"),
        ("merges", []),
    ):
        yield Edit("model", f"{name} {value!r}", partial(model, **{name: value}), ("BPE",))
    for name, value in (("byte_fallback", True), ("unk_id", 0), ("unk_id", None), ("unk_id", 10**6), ("vocab", [])):
        yield Edit("model", f"{name} {value!r}", partial(model, **{name: value}), ("Unigram",))
    yield Edit("model", "unk_token 'nonesuch'", partial(model, unk_token="nonesuch"), ("WordLevel",))


def files() -> Iterator[Edit]:
    """Files that are missing, contradict each other, or hold something else."""
    text = ("WordPiece", "BPE", "WordLevel")
    yield Edit("files", "nothing", lambda folder: None)
    yield Edit("files", "no tokenizer_config.json", remove("tokenizer_config.json"))
    yield Edit("files", "no tokenizer.json", remove("tokenizer.json"))
    yield Edit("files", "only a vocabulary", vocabulary, text)
    yield Edit(
        "files",
        "only a vocabulary, no tokenizer_config.json",
        lambda folder: [vocabulary(folder), remove("tokenizer_config.json")(folder)] and None,
        text,
    )  # type: ignore[func-returns-value]
    yield Edit("files", "another vocabulary beside", partial(vocabulary, alone=False, turned=True), text)
    yield Edit(
        "files",
        "only spiece.model",
        lambda folder: (
            [(folder / "spiece.model").write_bytes(b"\n\x0e\n\x05<unk>"), remove("tokenizer.json")(folder)] and None
        ),
        ("Unigram",),
    )  # type: ignore[func-returns-value]
    for file, content in product(
        ("tokenizer.json", "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json"),
        ("", "[]", "{", "5", '{"x": 1}', "\x00", "null"),
    ):
        yield Edit(
            "files",
            f"{file} {content!r}",
            lambda folder, file=file, content=content: (folder / file).write_text(content) and None,
        )  # type: ignore[misc]
    yield Edit(
        "files",
        "tokenizer.json, not UTF-8",
        lambda folder: (folder / "tokenizer.json").write_bytes(b'{"\xff": 1}') and None,
    )
    yield Edit(
        "files",
        "tokenizer.json with a BOM",
        lambda folder: (
            (folder / "tokenizer.json").write_bytes(b"\xef\xbb\xbf" + (folder / "tokenizer.json").read_bytes()) and None
        ),
    )
    yield Edit(
        "files",
        "vocab.txt with CRLF and blank lines",
        lambda folder: (
            [
                vocabulary(folder),
                (folder / "vocab.txt").write_bytes(
                    (folder / "vocab.txt").read_bytes().replace(b"\n", b"\r\n") + b"\r\n"
                ),
            ]
            and None
        ),
        ("WordPiece",),
    )  # type: ignore[func-returns-value]


def edits() -> list[Edit]:
    """All of them."""
    return [*files(), *sections(), *components(), *added_tokens(), *keys()]
