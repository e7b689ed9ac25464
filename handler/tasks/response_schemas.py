"""Shapes of answers, for the OpenAPI document; the tasks build them as plain dictionaries."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType


class Labelled(msgspec.Struct):
    """A label and its score."""

    label: str
    score: float


class LabelledToken(msgspec.Struct):
    """A token and its label."""

    entity: str
    score: float
    index: int
    word: str
    start: int
    end: int


class LabelledWord(msgspec.Struct):
    """An entity; with every aggregation strategy but `none`."""

    entity_group: str
    score: float
    word: str
    start: int
    end: int


class Answer(msgspec.Struct):
    """A span of the context."""

    answer: str
    score: float
    start: int
    end: int


class Fill(msgspec.Struct):
    """A word in the place of a mask."""

    score: float
    token: int
    token_str: str
    sequence: str


class Ranked(msgspec.Struct):
    """A text's place in the request, and how well it answers the query."""

    index: int
    score: float
    text: str | UnsetType = UNSET


class Weight(msgspec.Struct):
    """A word of the vocabulary and its weight."""

    index: int
    value: float


class Chunk(msgspec.Struct):
    """A part of a text, by its characters."""

    start: int
    stop: int
    embedding: list[float | int] | str


class Hybrid(msgspec.Struct):
    """A text's embeddings of the kinds that were asked for."""

    dense: list[float] | UnsetType = UNSET
    sparse: list[Weight] | UnsetType = UNSET
    multi_vector: list[list[float]] | UnsetType = UNSET


class TokenPlace(msgspec.Struct):
    """A token and where it stands."""

    id: int
    text: str
    special: bool
    start: int | None
    stop: int | None


class Explained(msgspec.Struct):
    """A window's tokens with what each adds to the score; `convergence_delta` (also `rest`) is what they miss."""

    tokens: list[str]
    offsets: list[tuple[int, int]]
    target: str
    score: float
    baseline: float
    attributions: list[float]
    convergence_delta: float
    rest: float
    attention: list[list[list[list[float]]]] | UnsetType = UNSET


class Neighbour(msgspec.Struct):
    """A word of the vocabulary, and its cosine."""

    token: str
    id: int
    score: float


class WordVector(msgspec.Struct):
    """A word's or an expression's tokens, and what was asked for."""

    tokens: list[str]
    vector: list[float] | UnsetType = UNSET
    cosines: list[float] | UnsetType = UNSET
    neighbours: list[Neighbour] | UnsetType = UNSET


class Limits(msgspec.Struct):
    """What a request may ask for."""

    max_length: int
    max_texts: int
    max_characters: int
    max_response_bytes: int


class Description(msgspec.Struct):
    """What an archive is."""

    model: str
    version: str
    task: str
    tasks: list[str]
    runtime: str
    dtype: str
    device: str
    labels: list[str]
    hidden_size: int
    dimensions: int
    vocabulary: int
    mask: str | None
    pooling: str | list[str]
    include_prompt: bool
    normalize: bool
    prompts: dict[str, str]
    default_prompt: str | None
    truncation: str | None
    origin: dict[str, Any]
    notes: list[str]
    limits: Limits


REPLIES: dict[str, tuple[Any, ...]] = {
    "hidden-states": (list[list[list[float]]],),
    "embedding": (list[list[float]], list[list[int]], list[str]),
    "chunk-embedding": (list[list[Chunk]],),
    "multi-vector": (list[list[list[float]]], list[list[list[int]]], list[list[str]]),
    "similarity": (list[float],),
    "rerank": (list[Ranked],),
    "text-classification": (list[list[Labelled]],),
    "zero-shot-classification": (list[list[Labelled]],),
    "token-classification": (list[list[LabelledWord]], list[list[LabelledToken]]),
    "question-answering": (list[Answer], list[list[Answer]]),
    "fill-mask": (list[list[Fill]], list[list[list[Fill]]], list[list[Fill | list[Fill]]]),
    "sparse-embedding": (list[list[Weight]],),
    "hybrid-embedding": (list[Hybrid],),
    "explanations": (list[list[Explained]],),
    "word-vectors": (list[WordVector],),
    "tokenize": (list[list[TokenPlace]],),
    "decode": (list[str],),
    "info": (Description,),
}
"""By task; several where a key of the request decides, the usual one first."""
