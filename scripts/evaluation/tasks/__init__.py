"""What `evaluate` can measure: a file per task; which one data are for is seen from their columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts.console import Failure
from scripts.evaluation.tasks.base import Columns, Task
from scripts.evaluation.tasks.classification import TextClassification
from scripts.evaluation.tasks.entities import TokenClassification
from scripts.evaluation.tasks.reranking import Reranking
from scripts.evaluation.tasks.retrieval import Retrieval
from scripts.evaluation.tasks.sts import Similarity
from scripts.finetuning.files import records

KINDS: tuple[Task[Any, Any], ...] = (
    TokenClassification(),
    Reranking(),
    TextClassification(),
    Similarity(),
    Retrieval(),
)
"""In the order in which they are tried on data that more than one of them could read."""
TASKS = {task.name: task for task in KINDS}


def choose(data: Path, name: str | None, columns: Columns) -> Task[Any, Any]:
    """The task of that name, or that of the data.

    Raises:
        Failure: the data are for none.
    """
    if not data.exists():
        raise Failure(f"there is no {data}", fix="a .csv or .jsonl file, or a folder for retrieval")
    if name:
        return TASKS[name]
    keys = frozenset() if data.is_dir() else frozenset(next((record for _, record in records(data)), {}))
    if not keys and not data.is_dir():
        raise Failure(f"{data} has no examples", fix="a header and one line per example, or one JSON object per line")
    fitting = next((task for task in KINDS if task.fits(keys, columns)), None)
    if fitting is None:
        raise Failure(
            f"{data} has {', '.join(sorted(keys))}, which are the columns of no task",
            fix="name the columns as docs/evaluation.md shows, or --text-column and --label-column",
        )
    return fitting
