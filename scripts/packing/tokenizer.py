"""A checkpoint's tokenizer to the one file that the worker reads: the one that transformers makes of the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, normalizers

from scripts.console import Failure, err
from scripts.files.json_files import required
from scripts.packing import tokenizer_parity
from scripts.packing.engines import link
from scripts.sources.checkpoint import Checkpoint

FILE = "tokenizer.json"


def write(checkpoint: Checkpoint, folder: Path) -> None:
    """Put it into the folder: the checkpoint's own file, unless transformers makes another tokenizer of the folder.

    Raises:
        Failure: it does not load, has more tokens than the model, or gives other ids than transformers' tokenizer.
    """
    own = checkpoint.folder / FILE
    file = load(own) if own.exists() else None
    content = state(file) if file else ""
    theirs = build(checkpoint.folder, file is not None)
    made: Any = theirs.backend_tokenizer if theirs else file
    check_size(checkpoint, made)
    if checkpoint.lower_case and not lowers(normalizer_state(made)):
        parts = [normalizers.Lowercase(), *([made.normalizer] if made.normalizer else [])]
        made.normalizer = normalizers.Sequence(parts)
    if state(made) == content:
        link(own, folder)
    else:
        made.save(str(folder / FILE), pretty=False)
    if theirs:
        tokenizer_parity.check(load(folder / FILE), theirs, checkpoint.folder)


def check_size(checkpoint: Checkpoint, tokenizer: Tokenizer) -> None:
    """Refuse ids that the model has no rows for."""
    rows = required(checkpoint.config, "vocab_size", int)
    token, number = max(tokenizer.get_vocab().items(), key=lambda item: item[1])
    if number >= rows:
        raise Failure(
            f"the tokenizer of {checkpoint.folder} gives {token!r} the id {number}, the model has {rows} rows",
            fix="save the model again after model.resize_token_embeddings(len(tokenizer))",
        )


def load(file: Path) -> Tokenizer:
    """Read a tokenizer."""
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises a bare Exception
        raise Failure(f"{file} does not load: {error}") from None


def build(folder: Path, has_file: bool) -> Any | None:
    """As transformers makes it; None, said on stderr, where its class has no such file and the folder has one.

    Raises:
        Failure: it does not load, and there is no file to take instead.
    """
    from transformers import AutoTokenizer

    try:
        made = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        made.backend_tokenizer.to_str()
    except Exception as error:  # of any kind, as the folder's class fails
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        failure = Failure(f"the tokenizer of {folder} does not load: {reason}")
        if not has_file:
            raise failure from None
        err.print(f"{failure.what}; {FILE} is packed as it is")
        return None
    return made


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
