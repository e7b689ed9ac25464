"""Folders of models with a vector per token: those of sentence-transformers, of PyLate, and of Stanford's ColBERT.

Source: `MultiVectorEncoder` of sentence-transformers 6.2, which loads all three: `_parse_model_config`,
`_maybe_load_stanford_metadata` and `_apply_legacy_fixups`.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.console import Failure
from scripts.files.json_files import load_if_there, value

STANFORD = "HF_ColBERT"
"""What `architectures` of `config.json` says."""
METADATA = "artifact.metadata"
TOKENS = "token_embeddings"
"""What sentence-transformers calls the states of tokens, and what is made of them."""
LENGTHS = ("query_length", "document_length", "query_expansion")
"""Settings of the first module; PyLate has them in the file of the whole."""
PYLATE = (
    *(*LENGTHS, "do_query_expansion", "attend_to_expansion_tokens", "attend_to_mask_tokens"),
    *("query_prefix", "document_prefix", "skiplist_words"),
)
"""Keys of the file of the whole by which a folder is known to be PyLate's."""
PREFIXES = {"query": "query_prefix", "document": "document_prefix"}
DEFAULT = 32
"""Tokens of an expanded query, where nothing is said."""


@dataclass(frozen=True, slots=True)
class ExpansionSettings:
    """Of queries; see `handler.late_interaction.Expansion`.

    Attributes:
        token: content of the token; empty for the tokenizer's mask.
    """

    length: int
    fixed: bool
    attended: bool
    token: str = ""


@dataclass(frozen=True, slots=True)
class LateInteraction:
    """How a folder's states of tokens become vectors.

    Attributes:
        dense: folders of layers.
        projection: where the one layer is: the folder of weights that have it, or a file of its own; None for `dense`.
        query_length, document_length: tokens; None for the model's longest.
        expansion: of queries.
        skipped: tokens without a vector.
        skipped_in: the sides on which they have none.
        normalize: whether vectors have length 1.
        average: whether scores are averaged over a query's vectors.
        first: tokens before the first one that has a vector.
        markers: prompts whose first word is a token, which a tokenizer may cut.
    """

    dense: tuple[Path, ...] = ()
    projection: Path | None = None
    query_length: int | None = None
    document_length: int | None = None
    expansion: ExpansionSettings | None = None
    skipped: tuple[str, ...] = ()
    skipped_in: tuple[str, ...] = ("document",)
    normalize: bool = True
    average: bool = False
    first: int = 0
    markers: tuple[str, ...] = ()


def stanford(root: Path) -> dict[str, Any]:
    """Fields of a `Checkpoint` for a folder of Stanford's ColBERT."""
    said = load_if_there(root / METADATA)
    prompts = {
        "query": value(said, "query_token_id", str, "[unused0]", METADATA) + " ",
        "document": value(said, "doc_token_id", str, "[unused1]", METADATA) + " ",
    }
    attended = value(said, "attend_to_mask_tokens", bool, False, METADATA)
    found = LateInteraction(
        projection=root,
        document_length=value(said, "doc_maxlen", int, None, METADATA),
        expansion=ExpansionSettings(value(said, "query_maxlen", int, DEFAULT, METADATA), True, attended),
        skipped=tuple(string.punctuation) if value(said, "mask_punctuation", bool, True, METADATA) else (),
        markers=tuple(prompts.values()),
    )
    return {"task": "multi-vector", "late_interaction": found, "prompts": prompts}


def bge_m3(root: Path) -> dict[str, Any]:
    """Fields of a `Checkpoint` for the layers that BGE-M3 has beside its encoder.

    Source: `_colbert_embedding` and `_process_colbert_vecs` of FlagEmbedding 1.4; the first token has no vector.
    """
    vectors, terms = root / "colbert_linear.pt", root / "sparse_linear.pt"
    return {
        **({"late_interaction": LateInteraction(projection=vectors, first=1)} if vectors.exists() else {}),
        **({"terms": terms} if terms.exists() else {}),
    }


def pylate(config: Mapping[str, Any], file: str) -> dict[str, Any]:
    """Settings of the first module that PyLate has in the file of the whole."""
    found = {key: config[key] for key in LENGTHS if key in config and (config[key] is not None or key == LENGTHS[-1])}
    if LENGTHS[-1] in found or not any(key in config for key in PYLATE):
        return found
    if config.get("do_query_expansion") is False:
        return found | {LENGTHS[-1]: None}
    attended = config.get("attend_to_expansion_tokens", config.get("attend_to_mask_tokens"))
    length = found.pop("query_length", None) or DEFAULT
    return found | {LENGTHS[-1]: {"strategy": "fixed", "attend": bool(attended), "length": length}}


def expansion(said: Mapping[str, Any] | None, file: str) -> ExpansionSettings | None:
    """What `query_expansion` says.

    Raises:
        Failure: something that sentence-transformers does not take.
    """
    if said is None:
        return None
    strategy, length = value(said, "strategy", str, "", file), value(said, "length", int, 0, file)
    if strategy not in ("fixed", "min") or length < 1:
        raise Failure(
            f"query_expansion of {file} has the strategy {strategy!r} and the length {length}",
            fix='set strategy to "fixed" or "min", and length to the tokens of a query, such as 32',
        )
    attended = value(said, "attend", bool, False, file)
    return ExpansionSettings(length, strategy == "fixed", attended, value(said, "token", str, "", file))


def prompts(config: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, str]:
    """Prompts with PyLate's markers before them."""
    marked = {
        side: (config[key] or "") + known.get(side, "").removeprefix(config[key] or "")
        for side, key in PREFIXES.items()
        if key in config
    }
    return {**known, **marked}


def skipped(config: Mapping[str, Any], mask: Mapping[str, Any], old: bool) -> tuple[str, ...]:
    """Tokens without a vector: what a module says, or in PyLate's older folders the file of the whole."""
    said = config.get("skiplist_words") if old else mask.get("skiplist_words")
    if said is None:
        return tuple(string.punctuation) if old else ()
    return tuple(said)


def folder(
    config: Mapping[str, Any],
    file: str,
    settings: Mapping[str, Any],
    modules: Mapping[str, Path],
    known: Mapping[str, str],
) -> tuple[LateInteraction, dict[str, str]]:
    """What a folder with `modules.json` says, and its prompts.

    Args:
        config: of the whole.
        file: its name.
        settings: of the first module.
        modules: folders by class.
        known: its prompts.

    Raises:
        Failure: tokens are chosen in a way that is not served.
    """
    old = "MultiVectorMask" not in modules
    mask = {} if old else load_if_there(modules["MultiVectorMask"] / "config.json")
    if mask.get("keep_only_token_ids"):
        raise Failure(
            f"{modules['MultiVectorMask'] / 'config.json'} keeps some tokens of documents alone (keep_only_token_ids)",
            fix="set keep_only_token_ids to null; it is meant for images",
        )
    said = pylate(config, file) | {key: settings[key] for key in LENGTHS if settings.get(key) is not None}
    normal = load_if_there(modules["Normalize"] / "config.json") if "Normalize" in modules else {}
    sides = mask.get("skiplist_tasks") or ["document"]
    return LateInteraction(
        query_length=value(said, "query_length", int, None, file),
        document_length=value(said, "document_length", int, None, file),
        expansion=expansion(value(said, "query_expansion", dict, None, file), file),
        skipped=skipped(config, mask, old),
        skipped_in=(sides,) if isinstance(sides, str) else tuple(sides),
        normalize=old or normal.get("module_input_name") == TOKENS,
        average=value(config, "similarity_fn_name", str, "maxsim", file) == "meanmaxsim",
        markers=tuple((config[key] or "") for key in PREFIXES.values() if key in config),
    ), prompts(config, known)
