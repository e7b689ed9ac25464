"""ERNIE: BERT, and a table of kinds of training tasks, of which transformers takes the first for every text."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from scripts.sources.families.bert import BERT, ENCODER
from scripts.sources.families.family import Config, Weights


def with_first_task(weights: Weights, config: Config) -> dict[str, Tensor]:
    """Positions with the first kind of task added to each, where the model has such a table."""
    tasks = weights.get("embeddings.task_type_embeddings.weight")
    if tasks is None:
        return {}
    return {"position": weights["embeddings.position_embeddings.weight"] + tasks[0]}


ERNIE = replace(BERT, encoder=replace(ENCODER, derived=with_first_task))
