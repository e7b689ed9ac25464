"""One class per task."""

from __future__ import annotations

from typing import Any

from handler.tasks.base import Task
from handler.tasks.embedding import Embedding
from handler.tasks.hidden_states import HiddenStates
from handler.tasks.info import Info
from handler.tasks.similarity import Similarity
from handler.tasks.tokenize import Tokenize

TASKS: dict[str, type[Task[Any]]] = {task.name: task for task in (HiddenStates, Embedding, Similarity, Tokenize, Info)}
