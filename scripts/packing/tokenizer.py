"""A checkpoint's tokenizer to the one file that the worker reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, normalizers

from scripts.console import Failure, err
from scripts.packing.engines import link
from scripts.sources.checkpoint import Checkpoint

FILE = "tokenizer.json"


def write(checkpoint: Checkpoint, folder: Path) -> None:
    """Put it into the folder: the checkpoint's own file, unless other files say that case is treated otherwise.

    Raises:
        Failure: it does not load, or has more tokens than the model.
    """
    own = checkpoint.folder / FILE
    made = load(own) if own.exists() else build(checkpoint.folder)
    before, rows = normalizer_state(made), int(checkpoint.config["vocab_size"])
    token, number = max(made.get_vocab().items(), key=lambda item: item[1])
    if number >= rows:
        raise Failure(
            f"the tokenizer of {checkpoint.folder} gives {token!r} the id {number}, the model has {rows} rows",
            fix="save the model again after model.resize_token_embeddings(len(tokenizer))",
        )
    if own.exists() and (checkpoint.folder / "tokenizer_config.json").exists():
        apply_tokenizer_config(made, checkpoint.folder)
    if checkpoint.lower_case and not lowers(normalizer_state(made)):
        parts = [normalizers.Lowercase(), *([made.normalizer] if made.normalizer else [])]
        made.normalizer = normalizers.Sequence(parts)
    if own.exists() and normalizer_state(made) == before:
        link(own, folder)
    else:
        made.save(str(folder / FILE), pretty=False)


def apply_tokenizer_config(tokenizer: Tokenizer, folder: Path) -> None:
    """Treat case as transformers does, where `tokenizer_config.json` overrules `tokenizer.json`."""
    try:
        tokenizer.normalizer = build(folder).normalizer
    except Failure as failure:  # of a class that has no such file; the file is whole without it
        err.print(f"{failure.what}; {FILE} is packed as it is")


def load(file: Path) -> Tokenizer:
    """Read a tokenizer."""
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises a bare Exception
        raise Failure(f"{file} does not load: {error}") from None


def build(folder: Path) -> Tokenizer:
    """As transformers makes it from older files."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False).backend_tokenizer
    except Exception as error:  # of any kind, as the folder's class fails
        raise Failure(f"the tokenizer of {folder} does not load: {str(error).splitlines()[0]}") from None


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
