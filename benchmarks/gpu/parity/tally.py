"""How far an answer is from a reference, as a client sees both: numbers out of JSON.

Of a vector the difference is the length of what the two differ by, over the reference's length; of scores and
probabilities it is the largest absolute one. Entries of lists are compared with those of the same key, not of the same
place, since two scores that are equal but for rounding may stand in either order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Scores = Mapping[Any, float]
UNMATCHED = 10
"""Share of entities that may have other borders, per bound: two probabilities of many are seldom that near."""


@dataclass(slots=True)
class Tally:
    """What was found so far.

    Attributes:
        largest: difference; infinite where a number is none.
        entries: of lists.
        ties: entries that the other list ends before; how much the two must differ for that is part of `largest`.
        unmatched: entities with other borders than any of the other side. One token whose two best labels tie makes
            several, so that only their share can be judged.
    """

    largest: float = 0.0
    entries: int = 0
    ties: int = 0
    unmatched: int = 0

    def within(self, bound: float) -> bool:
        """Whether that is near enough; of entities as large a share may differ as two best labels are likely to tie."""
        return self.largest <= bound and self.unmatched <= UNMATCHED * bound * self.entries

    def note(self, difference: float) -> None:
        """Keep the largest."""
        self.largest = max(self.largest, math.inf if math.isnan(difference) else difference)

    def numbers(self, reference: ArrayLike, found: ArrayLike) -> None:
        """Absolute."""
        known, other = arrays(reference, found)
        self.note(float(np.abs(known - other).max(initial=0.0)))

    def vectors(self, reference: ArrayLike, found: ArrayLike) -> None:
        """`(dimensions,)` or `(rows, dimensions)`, each row by its own length."""
        known, other = arrays(reference, found)
        lengths = np.maximum(np.linalg.norm(known, axis=-1), 1e-12)
        self.note(float((np.linalg.norm(known - other, axis=-1) / lengths).max(initial=0.0)))

    def whole(self, reference: Scores, found: Scores, vector: bool = False) -> None:
        """All of the keys on both sides."""
        if reference.keys() != found.keys():
            raise ValueError(f"{sorted(reference.keys() ^ found.keys())[:5]} are on one side only")
        (self.vectors if vector else self.numbers)(list(reference.values()), [found[key] for key in reference])

    def ranked(self, reference: Scores, found: Scores) -> None:
        """The best of many: an entry that the other side lacks has there at most the score of its last one."""
        self.entries += len(reference.keys() | found.keys())
        for one, other in ((reference, found), (found, reference)):
            last = min(other.values(), default=0.0) if len(other) >= len(one) else 0.0
            for key, score in one.items():
                self.ties += key not in other
                self.note(abs(score - other[key]) if key in other else max(0.0, score - last))


def arrays(reference: ArrayLike, found: ArrayLike) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """In double precision; None, which JSON has for NaN, becomes NaN again.

    Raises:
        ValueError: they have different shapes.
    """
    known, other = np.asarray(reference, dtype=np.float64), np.asarray(found, dtype=np.float64)
    if known.shape != other.shape:
        raise ValueError(f"{other.shape} numbers instead of {known.shape}")
    return known, other


def scored(items: Iterable[Mapping[str, Any]], key: str, value: str = "score") -> dict[Any, float]:
    """Entries by their key."""
    return {item[key]: item[value] for item in items}
