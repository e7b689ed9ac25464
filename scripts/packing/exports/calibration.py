"""What the inputs of an encoder's linears look like, for weights in 8 bits: measured on a sample.

One half of it is random tokens, which know every word of the vocabulary; the other is prose. Weights fit their sample:
where it is random tokens alone, prose loses twice as much.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from handler.runtimes.eager import Eager
from handler.types import Encoding
from scripts.packing.exports import prose

TOKENS = 1600
"""Of each length and each half."""
LENGTHS = (4, 8, 16, 32, 64, 128)
TOKENIZER = "tokenizer.json"


@dataclass(slots=True)
class Inputs:
    """Of one linear.

    Attributes:
        products: `(in, in)` sums over tokens of the products of two inputs.
        largest: `(in,)` largest absolute value of each.
    """

    products: Tensor
    largest: Tensor

    def add(self, rows: Tensor) -> None:
        """More tokens, `(..., in)`."""
        rows = rows.flatten(0, -2).float()
        self.products += rows.T @ rows
        self.largest = torch.maximum(self.largest, rows.abs().amax(0))


def measure(eager: Eager, modules: Mapping[str, str], tokenizer: Path | None, longest: int) -> dict[str, Inputs]:
    """Run the sample.

    Args:
        eager: transformers' model, in float32.
        modules: transformers' name of a linear by ours; one module may be called many times.
        tokenizer: a `tokenizer.json`, which says what special tokens a sequence has; None for none.
        longest: sequence that the model takes.
    """
    with recorded(eager.model, modules) as found:
        for batch in sample(len(eager.word_embeddings()), eager.pad_id, tokenizer, longest):
            eager.run(batch)
    return found


@contextmanager
def recorded(model: nn.Module, modules: Mapping[str, str]) -> Iterator[dict[str, Inputs]]:
    """What goes into the modules while the context is open."""
    found: dict[str, Inputs] = {}

    def record(name: str) -> Any:
        def hook(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            size = arguments[0].shape[-1]
            found.setdefault(name, Inputs(torch.zeros(size, size), torch.zeros(size))).add(arguments[0])

        return hook

    handles = [model.get_submodule(module).register_forward_pre_hook(record(name)) for name, module in modules.items()]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def sample(words: int, padding: int, tokenizer: Path | None, longest: int) -> Iterator[list[Encoding]]:
    """Batches of sequences of equal length, between the special tokens that the tokenizer adds.

    Args:
        words: rows of the embedding table.
        padding: a token that no sequence has.
        tokenizer: as in `measure`; without one, all tokens are random.
        longest: as in `measure`.
    """
    generator = np.random.default_rng(0)
    before, after, special, written = read_prose(tokenizer) if tokenizer else ([], [], [], np.empty(0, int))
    known = np.setdiff1d(np.arange(words), [*special, padding])
    for length in sorted({min(length, longest) for length in LENGTHS}):
        inner, count = max(1, length - len(before) - len(after)), TOKENS // length
        read, written = written[: count * inner], written[count * inner :]
        rows = [*generator.choice(known, (count, inner)), *read[: len(read) // inner * inner].reshape(-1, inner)]
        yield [sequence([*before, *row.tolist(), *after]) for row in rows]


def read_prose(file: Path) -> tuple[list[int], list[int], list[int], NDArray[np.int64]]:
    """What `specials` finds in a tokenizer, and the tokens of all prose."""
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    encoded = tokenizer.encode_batch(prose.paragraphs(), add_special_tokens=False)
    return *specials(tokenizer), np.concatenate([np.asarray(each.ids, np.int64) for each in encoded])


def specials(tokenizer: Tokenizer) -> tuple[list[int], list[int], list[int]]:
    """Tokens that are put before and after a text, and all special ones."""
    found = tokenizer.encode("a")
    marks = found.special_tokens_mask
    first = marks.index(0) if 0 in marks else len(marks)
    last = len(marks) - marks[::-1].index(0) if 0 in marks else len(marks)
    known = [number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special]
    return found.ids[:first], found.ids[last:], known


def sequence(ids: Sequence[int]) -> Encoding:
    """All of the first type."""
    return Encoding(list(ids), [0] * len(ids), [0] * len(ids))
