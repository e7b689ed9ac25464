"""The same on Spark: a function for `DataFrame.mapInPandas`; a Python worker of an executor opens the archive once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from scripts.bulk.engines import Archive
from scripts.bulk.rows import INPUTS, Refused
from scripts.bulk.tasks import asked_of

Frames = Iterator[Any]
"""Of `pandas.DataFrame`."""


def embedding(
    archive: str, column: str = "text", answer: str = "embedding", reason: str = "reason", **options: Any
) -> Callable[[Frames], Frames]:
    """A function that adds two columns: the vector, an array of floats, and why there is none.

    Args:
        archive: path of the `.mar` on the executors.
        column: of the texts.
        answer: name of the column of vectors.
        reason: name of the column that says why there is none; one of both is null in each row.
        options: keys of `embedding`, such as `dimensions`.
    """

    def embed(frames: Frames) -> Frames:
        engine = opened(archive)
        for frame in frames:
            asked = [{INPUTS: text, **options} if isinstance(text, str) else absent(column) for text in frame[column]]
            answers = asked_of(engine, "embedding", asked)
            vectors = [None if isinstance(each, Refused) else each for each in answers]
            reasons = [each.reason if isinstance(each, Refused) else None for each in answers]
            yield frame.assign(**{answer: vectors, reason: reasons})

    return embed


def absent(column: str) -> Refused:
    """For a row without a text."""
    return Refused(f"the column {column} has no text")


@cache
def opened(archive: str) -> Archive:
    """The archive, for as long as this process lives; Spark runs a Python worker per core."""
    from handler import open_archive

    return Archive(open_archive(Path(archive), threads=1, device="cpu"))
