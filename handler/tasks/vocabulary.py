"""Scores of all words: the vocabulary's matrix is read once for many tokens, and few of the scores are in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from handler.device import HostCopy, Reading, check_finite
from handler.head import Scores
from handler.model import Capability
from handler.tasks.base import HeadTask, R
from handler.truncation import chunk_by_size

Pool = Callable[[Tensor], Tensor]
"""`(tokens, vocabulary)` to `(vocabulary,)`."""
ROWS = 256
"""Tokens scored at once; each has a float per word, 31 MB in all for 30,522 words."""


class VocabularyTask(HeadTask[R]):
    """A task that needs a score of every word. Token states stay where they are: their scores are more than they."""

    requires: ClassVar[Capability | None] = "vocabulary"

    def reading(self, request: R) -> Reading | None:
        """See `Task.reading`."""
        return None

    def scored(self, states: Iterable[Tensor], pool: Pool | None = None) -> Iterator[Scores]:
        """`(tokens, vocabulary)` for each `(tokens, hidden)`.

        Args:
            states: on the host or on the model's device.
            pool: makes one score of each word's of several tokens, for `(1, vocabulary)`.

        Raises:
            Overloaded: time is up; looked at before each product.
        """
        for some in chunk_by_size(states, len, ROWS):
            self.model.deadline.check()
            rows = [1 if pool else len(each) for each in some]
            yield from np.split(self.scores(some, pool), np.cumsum(rows[:-1]))

    @torch.inference_mode()
    def scores(self, states: Sequence[Tensor], pool: Pool | None) -> Scores:
        """Those of all of them in one array."""
        found = self.head.chain(torch.cat([each.to(self.head.device) for each in states]).float())
        if pool:
            found = torch.stack([pool(part) for part in torch.split(found, [*map(len, states)])])
        scores = HostCopy(found).array
        check_finite(scores[:, :1])  # what overflowed before the head is NaN in all of them
        return scores
