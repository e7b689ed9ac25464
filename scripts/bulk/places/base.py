"""What a place is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, Self

from scripts.bulk.job import Block, Done, Recipe
from scripts.bulk.rows import Record, Refused


class Place(Protocol):
    """Something that computes blocks, for as long as it is entered."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """End, at once."""

    def identity(self) -> str:
        """See `Engine.identity`."""

    def arithmetic(self) -> str:
        """See `Engine.arithmetic`."""

    def ask(self, task: str, body: Record) -> Any | Refused:
        """The answer to one request."""

    def run(self, recipe: Recipe, folder: Path, blocks: Iterable[Block]) -> Iterator[Done]:
        """Compute and write blocks, in any order.

        Raises:
            Failure: one of them cannot be computed now.
        """
