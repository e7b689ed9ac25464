"""Examples as tensors: cut at the longest length, padded to the longest of their batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from scripts.finetuning.examples import Example

IGNORED = -100  # target of what is no token of the text; transformers' losses pass over it


@dataclass(frozen=True, slots=True)
class EncodedExample:
    """An example as the model reads it.

    Attributes:
        inputs: `input_ids` and what else the model takes, each of shape `(tokens,)`.
        target: number of the label, of shape `()`; of each token, of shape `(tokens,)`, `IGNORED` for special ones.
        offsets: characters `(start, end)` of each token; those of special tokens are empty.
    """

    inputs: dict[str, Tensor]
    target: Tensor
    offsets: list[tuple[int, int]]


def encode(
    example: Example, tokenizer: Any, max_length: int, names: Sequence[str]
) -> tuple[dict[str, Tensor], list[tuple[int, int]], bool]:
    """Inputs with those names, the place of each token without white space around it, and whether something was cut."""
    texts = (example.text,) if example.pair is None else (example.text, example.pair)
    found = tokenizer(
        *texts, truncation="longest_first", max_length=max_length, return_offsets_mapping=True,
        return_overflowing_tokens=True, return_special_tokens_mask=True,
    )  # fmt: skip
    inputs = {name: torch.tensor(found[name][0]) for name in names if name in found}
    pairs = zip(found["offset_mapping"][0], found["special_tokens_mask"][0], strict=True)
    offsets = [(0, 0) if special else trimmed(example.text, *place) for place, special in pairs]
    return inputs, offsets, len(found["input_ids"]) > 1


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A place without the white space that some tokenizers count to a token."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end


def pad(sequences: Sequence[EncodedExample], padding: int, device: torch.device) -> dict[str, Tensor]:
    """One batch: inputs and `labels`, of shape `(sequences,)` or `(sequences, longest)`."""
    fill = {"input_ids": padding}
    batch = {
        name: pad_sequence([item.inputs[name] for item in sequences], True, fill.get(name, 0))
        for name in sequences[0].inputs
    }
    targets = [item.target for item in sequences]
    batch["labels"] = pad_sequence(targets, True, IGNORED) if targets[0].dim() else torch.stack(targets)
    return {name: value.to(device) for name, value in batch.items()}
