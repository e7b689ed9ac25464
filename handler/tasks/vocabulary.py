"""Scores of all words: the vocabulary's matrix is read once for many tokens, and few of the scores are in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from handler.cutting import portions
from handler.head import Scores
from handler.tasks.base import HeadTask, R

ROWS = 256
"""Tokens scored at once; each has a float per word, 31 MB in all for 30,522 words."""


class VocabularyTask(HeadTask[R]):
    """A task that needs a score of every word."""

    needs = "vocabulary"

    def scored(self, states: Iterable[Scores]) -> Iterator[Scores]:
        """`(tokens, vocabulary)` for each `(tokens, hidden)`.

        Raises:
            Overloaded: time is up; looked at before each product.
        """
        for some in portions(states, len, ROWS):
            self.archive.deadline.check()
            scores = self.head(np.concatenate(some))
            yield from np.split(scores, np.cumsum([len(each) for each in some[:-1]]))
