"""One class per task."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from handler.model import Capability, LoadedModel
from handler.tasks.base import Task
from handler.tasks.chunk_embedding import ChunkEmbedding
from handler.tasks.decode import Decode
from handler.tasks.embedding import Embedding
from handler.tasks.explanations import Explanations
from handler.tasks.fill_mask import FillMask
from handler.tasks.hidden_states import HiddenStates
from handler.tasks.hybrid_embedding import HybridEmbedding
from handler.tasks.info import Info
from handler.tasks.multi_vector import MultiVector
from handler.tasks.question_answering import QuestionAnswering
from handler.tasks.rerank import Rerank
from handler.tasks.similarity import Similarity
from handler.tasks.sparse_embedding import SparseEmbedding
from handler.tasks.text_classification import TextClassification
from handler.tasks.token_classification import TokenClassification
from handler.tasks.tokenize import Tokenize
from handler.tasks.word_vectors import WordVectors
from handler.tasks.zero_shot_classification import ZeroShotClassification

TASKS: dict[str, type[Task[Any]]] = {
    task.name: task
    for task in (
        HiddenStates,
        Embedding,
        ChunkEmbedding,
        MultiVector,
        Similarity,
        Rerank,
        TextClassification,
        ZeroShotClassification,
        TokenClassification,
        QuestionAnswering,
        FillMask,
        SparseEmbedding,
        HybridEmbedding,
        Explanations,
        WordVectors,
        Tokenize,
        Decode,
        Info,
    )
}


def supported_tasks(capabilities: Collection[Capability]) -> dict[str, type[Task[Any]]]:
    """What a model with these capabilities can do."""
    return {name: task for name, task in TASKS.items() if task.requires is None or task.requires in capabilities}


def build(model: LoadedModel) -> dict[str, Task[Any]]:
    """The tasks of an archive."""
    return {name: task(model) for name, task in supported_tasks(model.capabilities).items()}
