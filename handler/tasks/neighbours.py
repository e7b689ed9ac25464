"""The vocabulary as vectors: its rows, and which of them are nearest to a vector."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import torch
from torch import Tensor

from handler.tasks.vectors import Vectors
from handler.text import TextTokenizer

SCORES_AT_ONCE = 1 << 22
"""Cosines in memory together, 16 MB: of 137 words of a vocabulary of 30,522."""
SMALLEST = 1e-12  # length of a row of zeros, as in `vectors.l2_normalize`
UNUSED = re.compile(r"\[unused\d+\]|<unused\d+>|madeupword\d+")
"""Places that vocabularies keep free; their rows were never trained."""

Ranking = list[tuple[int, float]]
"""Ids and cosines, the nearest first."""


class EmbeddingIndex:
    """The table of words, on the device it lies on; lengths and exclusions are computed when they are first needed.

    Args:
        table: `(vocabulary, hidden)` float32.
        tokenizer: says which rows stand for words.
    """

    def __init__(self, table: Tensor, tokenizer: TextTokenizer) -> None:
        self.table = table
        self.tokenizer = tokenizer

    def mean(self, ids: Sequence[int]) -> Vectors:
        """`(hidden,)`, the mean of these rows."""
        vector: Vectors = self.table[torch.tensor(ids, device=self.table.device)].mean(0).cpu().numpy()
        return vector

    @cached_property
    def lengths(self) -> Tensor:
        """`(vocabulary,)`."""
        lengths: Tensor = torch.linalg.vector_norm(self.table, dim=1)
        return lengths.clamp(min=SMALLEST)

    @cached_property
    def is_word(self) -> Tensor:
        """`(vocabulary,)` bool: neither special, nor unused, nor a row beyond the tokenizer's vocabulary."""
        special = {id for id, token in self.tokenizer.backend.get_added_tokens_decoder().items() if token.special}
        special.add(-1 if self.tokenizer.unknown is None else self.tokenizer.unknown)
        names = map(self.tokenizer.name, range(len(self.table)))
        kept = [bool(name) and id not in special and not UNUSED.fullmatch(name) for id, name in enumerate(names)]
        return torch.tensor(kept, device=self.table.device)

    def nearest(
        self, units: Vectors, own: Sequence[set[int]], top_k: int, check: Callable[[], None]
    ) -> Iterator[Ranking]:
        """The rows with the largest cosines; those computed equal by id.

        Args:
            units: `(vectors, hidden)` of length 1.
            own: for each vector, the ids that are no neighbours of it.
            top_k: neighbours of each; fewer where the vocabulary has fewer words.
            check: called before each product; may raise when there is no more time.
        """
        portion = max(1, SCORES_AT_ONCE // len(self.table))
        for first in range(0, len(units), portion):
            check()
            some = torch.from_numpy(units[first : first + portion]).to(self.table.device)
            scores = (some @ self.table.T).div_(self.lengths).masked_fill_(~self.is_word, -torch.inf)
            for row, excluded in zip(scores, own[first : first + portion], strict=True):
                row[list(excluded)] = -torch.inf
            least = scores.topk(min(top_k, scores.shape[1])).values[:, -1:]
            for row, kept in zip(scores, (scores >= least) & scores.isfinite(), strict=True):
                yield ranked(row, kept.nonzero()[:, 0], top_k)


def ranked(scores: Tensor, ids: Tensor, top_k: int) -> Ranking:
    """The best of these ids, which are in order."""
    best = ids[scores[ids].argsort(descending=True, stable=True)[:top_k]]
    return list(zip(best.tolist(), scores[best].tolist(), strict=True))
