"""A checkpoint's tokenizer to the one file that the worker reads: the one that transformers makes of the folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from tokenizers import AddedToken, Tokenizer, models, normalizers

from handler.tokenizer_settings import FILE as SETTINGS
from handler.tokenizer_settings import TokenizerSettings
from scripts.console import Failure
from scripts.files.json_files import load_if_there, value
from scripts.packing import tokenizer_parity, weights
from scripts.packing.engines import link
from scripts.sources.checkpoint import Checkpoint
from scripts.sources.configuration import vocabulary_size

FILE = "tokenizer.json"


def write(checkpoint: Checkpoint, folder: Path) -> None:
    """Put it into the folder: the checkpoint's own file, unless transformers makes another tokenizer of the folder.

    Beside it goes what transformers knows and such a file cannot say.

    Raises:
        Failure: it does not load, has more tokens than the model, cuts at random, or gives other ids than
            transformers'.
    """
    own = checkpoint.folder / FILE
    file = load(own) if own.exists() else None
    content = state(file) if file else ""
    theirs = build(checkpoint.folder, file is not None)
    if checkpoint.late_interaction:
        mark(theirs, checkpoint.late_interaction.markers)
    made: Any = backend(theirs) or file
    check_size(checkpoint, made)
    check_dropout(checkpoint, made)
    say_special(made)
    settings = settings_of(theirs, made)
    if checkpoint.lower_case and not lowers(normalizer_state(made)):
        parts = [normalizers.Lowercase(), *([made.normalizer] if made.normalizer else [])]
        made.normalizer = normalizers.Sequence(parts)
    if state(made) == content:
        link(own, folder)
    else:
        made.save(str(folder / FILE), pretty=False)
    (folder / SETTINGS).write_bytes(msgspec.json.format(msgspec.json.encode(settings)))
    packed = load(folder / FILE)
    packed.encode_special_tokens = settings.split_special_tokens
    tokenizer_parity.check(packed, theirs, checkpoint.folder)


def mark(theirs: Any, markers: Sequence[str]) -> None:
    """Keep words of the vocabulary whole that a model was trained with as tokens before its texts.

    Source: `_register_prefix_tokens` of `MultiVectorEncoder` in sentence-transformers 6.2.
    """
    for marker in markers:
        known = (each for each in (marker, *marker.split()[:1]) if each in theirs.get_vocab())
        word = next(known, None)
        if word is not None and theirs.tokenize(word) != [word]:
            theirs.add_tokens([AddedToken(word, normalized=False, special=True)], special_tokens=True)


def settings_of(theirs: Any, made: Tokenizer) -> TokenizerSettings:
    """What transformers' tokenizer has beside its file."""
    bpe_too = getattr(theirs, "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", False)
    return TokenizerSettings(
        **{name: getattr(theirs, name, None) for name in ("unk_token", "pad_token", "mask_token")},
        token_type_ids="token_type_ids" in theirs.model_input_names,
        split_special_tokens=bool(theirs.split_special_tokens),
        # transformers does not clean up what a BPE decodes
        clean_up_tokenization_spaces=bool(theirs.clean_up_tokenization_spaces)
        and (bpe_too or not isinstance(made.model, models.BPE)),
    )


def check_dropout(checkpoint: Checkpoint, tokenizer: Tokenizer) -> None:
    """Refuse a BPE that leaves out merges at random, as it does in a training."""
    share = getattr(tokenizer.model, "dropout", None)
    if share:
        raise Failure(
            f"the tokenizer of {checkpoint.folder} has a dropout of {share}: the same text gives other ids each time",
            fix=f'set "dropout" to null in the section "model" of {FILE}',
        )


def check_size(checkpoint: Checkpoint, tokenizer: Tokenizer) -> None:
    """Refuse ids that the model has no rows for."""
    rows = vocabulary_size(checkpoint.config)
    token, number = max(tokenizer.get_vocab().items(), key=lambda item: item[1])
    if number >= rows:
        what = f"the tokenizer of {checkpoint.folder} gives {token!r} the id {number}, the model has {rows} rows"
        why, fix = weights.misfit(checkpoint) or (
            "",
            "save the model again after model.resize_token_embeddings(len(tokenizer))",
        )
        raise Failure(what, fix, why)


def load(file: Path) -> Tokenizer:
    """Read a tokenizer."""
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises a bare Exception
        raise Failure(f"{file} does not load: {error}") from None


def say_special(tokenizer: Tokenizer) -> None:
    """Flag the tokens that are special to the library: it forgets none, but writes the flag that was given last."""
    for id, token in tokenizer.get_added_tokens_decoder().items():
        if not token.special and tokenizer.decode([id]) != tokenizer.decode([id], skip_special_tokens=False):
            token.special = True
            tokenizer.add_special_tokens([token])


def build(folder: Path, has_file: bool) -> Any:
    """As transformers makes it.

    Args:
        folder: of a checkpoint.
        has_file: whether it has a `tokenizer.json`, which is packed where transformers' class has none to write.

    Raises:
        Failure: it does not load, or has no such file to write.
    """
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # its classes do not know every configuration
    if not has_file and in_python(folder):
        raise python_only(folder, in_python(folder))
    try:
        made = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        made("a", verbose=False)  # some classes load without a vocabulary
    except Exception as error:  # of any kind, as the folder's class fails
        reason = (str(error).strip().splitlines() or [""])[0] or type(error).__name__
        named = (
            f'name its class in tokenizer_config.json; "tokenizer_class": "PreTrainedTokenizerFast" takes {FILE} as is'
        )
        fix = named if has_file else f"save the folder where it loads, so that it has a {FILE}"
        raise Failure(f"transformers does not load the tokenizer of {folder}: {reason}", fix=fix) from None
    if not has_file and backend(made) is None:
        raise python_only(folder, type(made).__name__)
    return made


def in_python(folder: Path) -> str:
    """The tokenizer's class, if transformers has it in Python; empty otherwise."""
    import transformers

    name = value(load_if_there(folder / "tokenizer_config.json"), "tokenizer_class", str, "", "tokenizer_config.json")
    known = getattr(transformers, name, None) if name else None
    fast = known is None or issubclass(known, transformers.PreTrainedTokenizerFast)
    return "" if fast else name


def python_only(folder: Path, name: str) -> Failure:
    """Of a tokenizer that has no file for a worker to read."""
    return Failure(
        f"the tokenizer of {folder} is a {name}, which transformers has in Python alone; a worker reads {FILE}",
        fix=f"take a model whose folder has a {FILE}, or one that AutoTokenizer makes it of: no command converts this "
        "one with the same ids",
    )


def backend(theirs: Any) -> Tokenizer | None:
    """The tokenizers library's own behind it; None where its class, or a part of it, is written in Python."""
    try:
        found: Tokenizer = theirs.backend_tokenizer
        found.to_str()
    except Exception:  # a bare one for parts in Python
        return None
    return found


def state(tokenizer: Tokenizer) -> str:
    """All that it does but padding and truncation, which the worker decides per request."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    found: str = tokenizer.to_str()
    return found


def normalizer_state(tokenizer: Tokenizer) -> dict[str, Any] | None:
    """What the normalizer does."""
    found: dict[str, Any] | None = json.loads(tokenizer.to_str())["normalizer"]
    return found


def lowers(normalizer: dict[str, Any] | None) -> bool:
    """Whether a normalizer lower-cases already."""
    if not normalizer:
        return False
    parts = normalizer.get("normalizers", [])
    return bool(normalizer.get("lowercase")) or normalizer["type"] == "Lowercase" or any(map(lowers, parts))
