"""What makes a weight of each token's state, to `term_weights.safetensors`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from handler import head as heads
from handler import term_weights
from handler.head import HeadMetadata
from handler.term_weights import Terms
from scripts.packing import layout, multi_vector, tokenizer
from scripts.sources.checkpoint import Checkpoint

UNUSED = ("cls_token", "eos_token", "pad_token", "unk_token")
"""Tokens without a weight: `_process_token_weights` of FlagEmbedding 1.4's `M3Embedder`."""


def write(checkpoint: Checkpoint, folder: Path) -> None:
    """Put it, if there is any, beside the encoder's files."""
    if checkpoint.terms is None:
        return
    steps, tensors = multi_vector.linear(checkpoint.terms, "relu")
    theirs = tokenizer.build(checkpoint.folder, (checkpoint.folder / tokenizer.FILE).exists())
    named = (getattr(theirs, name, None) for name in UNUSED)
    terms = Terms(sorted({int(theirs.convert_tokens_to_ids(token)) for token in named if token}))
    metadata = {heads.META: HeadMetadata("embedding", steps), term_weights.META: terms}
    encoded = {name: msgspec.json.encode(each).decode() for name, each in metadata.items()}
    layout.save(tensors, folder / term_weights.FILE, encoded)
