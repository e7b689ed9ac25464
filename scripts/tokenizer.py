"""A checkpoint's tokenizer to the one file that the worker reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, normalizers

from scripts.checkpoint import Checkpoint
from scripts.console import Failure
from scripts.engines import link

FILE = "tokenizer.json"


def write(checkpoint: Checkpoint, folder: Path) -> None:
    """Put it into the folder: the checkpoint's own file, unless it has none or keeps a case that it should not.

    Raises:
        Failure: it does not load.
    """
    own = checkpoint.folder / FILE
    made = load(own) if own.exists() else build(checkpoint.folder)
    if checkpoint.lower_case and not lowers(json.loads(made.to_str())["normalizer"]):
        parts = [normalizers.Lowercase(), *([made.normalizer] if made.normalizer else [])]
        made.normalizer = normalizers.Sequence(parts)
    elif own.exists():
        link(own, folder)
        return
    made.save(str(folder / FILE), pretty=False)


def load(file: Path) -> Tokenizer:
    """Read a tokenizer."""
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises a bare Exception
        raise Failure(f"{file} does not load: {error}") from None


def build(folder: Path) -> Tokenizer:
    """As transformers makes it from older files."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder).backend_tokenizer


def lowers(normalizer: dict[str, Any] | None) -> bool:
    """Whether a normalizer lower-cases already."""
    if not normalizer:
        return False
    parts = normalizer.get("normalizers", [])
    return bool(normalizer.get("lowercase")) or normalizer["type"] == "Lowercase" or any(map(lowers, parts))
