"""Requests to every task of an archive, of texts from one token to more than the model takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import orjson

from benchmarks.gpu.models import NLI
from benchmarks.gpu.parity import texts as lengths
from benchmarks.gpu.parity.texts import Texts
from handler.config import Mode
from handler.tasks.token_classification import Strategy
from handler.text import TextTokenizer

QUERY = "a ferry?"
BAD = (b'{"inputs": ', b'{"inputs": []}', b'{"inputs": [[-1]], "task": "embedding"}')
"""Bodies that nobody can answer: no JSON, no text, an id of no token."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request.

    Attributes:
        task: whose.
        body: its other keys.
        optional: whether some checkpoints refuse it: those without a pooler.
    """

    task: str
    body: dict[str, Any]
    optional: bool = False

    @property
    def content(self) -> bytes:
        """What a client would send."""
        return orjson.dumps({"task": self.task, **self.body})


def everywhere(texts: Texts) -> list[Question]:
    """What an archive is asked beside its head's own tasks."""
    return [
        Question("embedding", {"inputs": texts.few}),
        Question("hidden-states", {"inputs": texts.mixture}),
    ]


def states(texts: Texts) -> list[Question]:
    """Each text's vector and its tokens' states, and then what `vectors` asks."""
    return [
        *(Question("embedding", {"inputs": text}) for text in texts.every),
        *(Question("hidden-states", {"inputs": text}) for text in texts.every),
        Question("hidden-states", {"inputs": texts.beyond, "truncation": "windows"}),
        *(Question("embedding", {"inputs": texts.every, "pooling": way}, way == "pooler") for way in get_args(Mode)),
        *vectors(texts),
    ]


def vectors(texts: Texts) -> list[Question]:
    """Tasks that make vectors or compare them."""
    every, passages = texts.every, [texts.mixture, texts.one, texts.longest, texts.beyond]
    expression = {"positive": ["ferry", "day"], "negative": ["rain"]}
    return [
        Question("embedding", {"inputs": every}),
        Question("embedding", {"inputs": every, "truncation": "windows", "normalize": True, "dimensions": 32}),
        Question("chunk-embedding", {"inputs": every, "chunk_size": 40, "overlap": 8}),
        Question("chunk-embedding", {"inputs": every, "chunk_size": 40, "late_chunking": True, "pooling": "mean"}),
        Question("similarity", {"source": texts.few, "sentences": passages}),
        Question("similarity", {"inputs": [[texts.few, text] for text in passages], "truncation": "windows"}),
        Question("rerank", {"query": texts.few, "texts": passages}),
        Question("word-vectors", {"inputs": ["ferry", "Fährmann", expression], "cosines": True, "top_k": 5}),
        Question("explanations", {"inputs": [texts.few, texts.longest], "steps": 8}),
    ]


def sequences(texts: Texts) -> list[Question]:
    """Labels of texts and pairs."""
    every = texts.every
    pairs = [[texts.few, texts.mixture], [texts.longest, texts.few], [texts.beyond, texts.longest]]
    explained = {"inputs": [texts.few, pairs[0]], "target": NLI[1], "steps": 8, "attention": True}
    return [
        *(Question("text-classification", {"inputs": text}) for text in every),
        Question("text-classification", {"inputs": pairs}),
        Question("text-classification", {"inputs": every, "truncation": "windows"}),
        Question("text-classification", {"inputs": every, "function_to_apply": "none"}),
        Question("zero-shot-classification", {"inputs": every, "candidate_labels": ["ferry", "day", "rain"]}),
        Question("explanations", explained),
    ]


def pairs(texts: Texts) -> list[Question]:
    """A cross-encoder's scores."""
    asked = {"query": QUERY, "texts": texts.every}
    return [
        Question("rerank", asked),
        Question("rerank", {**asked, "raw_scores": True}),
        Question("rerank", {**asked, "truncation": "windows"}),
    ]


def tokens(texts: Texts) -> list[Question]:
    """Labels of tokens, and the entities they make."""
    every = texts.every
    named = [Question("token-classification", {"inputs": every, "aggregation_strategy": s}) for s in get_args(Strategy)]
    whole = {"aggregation_strategy": "none", "ignore_labels": []}
    return [*(Question("token-classification", {"inputs": text, **whole}) for text in every), *named]


def spans(texts: Texts) -> list[Question]:
    """Answers in contexts, of which the longest makes windows."""
    asked = [{"question": QUERY, "context": text} for text in texts.every]
    return [
        *(Question("question-answering", {**each, "top_k": 5}) for each in asked),
        Question("question-answering", {"inputs": asked, "handle_impossible_answer": True, "top_k": 3}),
        Question("question-answering", {"inputs": asked, "align_to_words": False, "top_k": 3}),
    ]


def words(texts: Texts) -> list[Question]:
    """What stands behind a mask, and the words a text is about."""
    mask = texts.mask
    gaps = [f"the {mask} crosses the river", f"{texts.mixture} {mask} day", f"{mask} and {mask}"]
    return [
        *(Question("fill-mask", {"inputs": text}) for text in gaps),
        Question("fill-mask", {"inputs": gaps, "targets": ["ferry", "day", "rain"]}),
        Question("fill-mask", {"inputs": f"{texts.beyond} {mask}", "truncation": "windows"}),
        *(Question("sparse-embedding", {"inputs": text}) for text in texts.every),
        Question("sparse-embedding", {"inputs": texts.every, "top_k": 20, "truncation": "windows"}),
    ]


OF: dict[str, Callable[[Texts], list[Question]]] = {
    "Model": states,
    "sentences": vectors,
    "cross-encoder": pairs,
    "ForSequenceClassification": sequences,
    "ForTokenClassification": tokens,
    "ForQuestionAnswering": spans,
    "ForMaskedLM": words,
}
"""By what the checkpoint was made for."""


def ask(head: str, encoder: TextTokenizer) -> list[Question]:
    """All questions to an archive."""
    made = lengths.make(encoder)
    return [*OF[head](made), *everywhere(made)]
