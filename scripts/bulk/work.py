"""One block: its rows are read, asked for and written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from scripts.bulk.engines import Engine
from scripts.bulk.job import Block, Done, Form, Recipe
from scripts.bulk.openai_batch import answer_requests
from scripts.bulk.tasks import answer_rows

WORK: dict[Form, Callable[[Engine, Recipe, Path, Block], Done]] = {
    "npy": answer_rows,
    "parquet": answer_rows,
    "jsonl": answer_rows,
    "openai-batch": answer_requests,
}


def process(engine: Engine, recipe: Recipe, folder: Path, block: Block) -> Done:
    """Write a block's part, and first its bad rows; what is written depends on the recipe and the rows alone.

    Raises:
        Failure: nothing can be read, computed or written now.
    """
    return WORK[recipe.form](engine, recipe, folder, block)
