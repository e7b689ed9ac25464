"""What each method asks for and how its answer is read: written once for both clients."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

NPY = "application/x-npy"
KINDS = ("dense", "sparse", "multi_vector")
"""Of `hybrid-embedding`."""
PROVENANCE = ("model", "version", "dtype", "pooling", "normalize", "dimensions", "prompts", "default_prompt", "origin")
"""Of what a model says of itself, what its vectors depend on."""

Array = NDArray[Any]
T = TypeVar("T")


class Answer(NamedTuple):
    """An HTTP response; header names are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True)
class Call(Generic[T]):
    """One task with its request's body; `read` makes a method's result of a successful answer."""

    task: str
    body: Mapping[str, Any]
    read: Callable[[Answer], T]
    accept: str = "*/*"


def ask(task: str, body: Mapping[str, Any]) -> Call[Any]:
    """Any task's plain answer."""
    return Call(task, body, read_json)


def embed(texts: str | Sequence[str], options: Mapping[str, Any]) -> Call[Array]:
    """`(texts, dimensions)`."""
    return Call("embedding", {"inputs": as_list(texts), **options}, read_array, NPY)


def hidden_states(texts: str | Sequence[str], options: Mapping[str, Any]) -> Call[list[Array]]:
    """`(tokens, hidden)` for each text."""
    return Call("hidden-states", {"inputs": as_list(texts), **options}, read_arrays, NPY)


def multi_vector(texts: str | Sequence[str], side: str, options: Mapping[str, Any]) -> Call[list[Array]]:
    """`(vectors, dimensions)` for each text."""
    return Call("multi-vector", {"inputs": as_list(texts), "input_type": side, **options}, read_arrays, NPY)


def hybrid(texts: str | Sequence[str], kinds: Sequence[str], options: Mapping[str, Any]) -> Call[list[dict[str, Any]]]:
    """Of each text, by kind, an array or weights by index."""

    def read(answer: Answer) -> list[dict[str, Any]]:
        return [{kind: HYBRID[kind](value) for kind, value in text.items()} for text in read_json(answer)]

    return Call("hybrid-embedding", {"inputs": as_list(texts), "outputs": list(kinds), **options}, read)


HYBRID: Mapping[str, Callable[[Any], Any]] = {
    "dense": lambda vector: np.asarray(vector, dtype=np.float32),
    "sparse": lambda weights: {item["index"]: item["value"] for item in weights},
    "multi_vector": lambda vectors: np.asarray(vectors, dtype=np.float32),
}
"""What a value of each kind is read as."""


def chunks(texts: str | Sequence[str], options: Mapping[str, Any]) -> Call[list[tuple[list[tuple[int, int]], Array]]]:
    """Of each text the places of its chunks, and `(chunks, dimensions)`."""

    def read(answer: Answer) -> list[tuple[list[tuple[int, int]], Array]]:
        return [
            (
                [(chunk["start"], chunk["stop"]) for chunk in text],
                np.array([chunk["embedding"] for chunk in text], dtype=np.float32),
            )
            for text in read_json(answer)
        ]

    return Call("chunk-embedding", {"inputs": as_list(texts), **options}, read)


def similarity(source: str, sentences: Sequence[str], options: Mapping[str, Any]) -> Call[Array]:
    """`(sentences,)`."""
    return Call("similarity", {"source": source, "sentences": list(sentences), **options}, read_array, NPY)


def zero_shot_classification(
    texts: str | Sequence[str], labels: Sequence[str], options: Mapping[str, Any]
) -> Call[list[dict[str, float]]]:
    """The scores of each text by label, best first."""

    def read(answer: Answer) -> list[dict[str, float]]:
        return [{item["label"]: item["score"] for item in text} for text in read_json(answer)]

    body = {"inputs": as_list(texts), "candidate_labels": list(labels), **options}
    return Call("zero-shot-classification", body, read)


def word_vectors(words: str | Sequence[str]) -> Call[Array]:
    """`(words, hidden)`."""

    def read(answer: Answer) -> Array:
        return np.array([word["vector"] for word in read_json(answer)], dtype=np.float32)

    return Call("word-vectors", {"inputs": as_list(words)}, read)


def most_similar(
    positive: str | Sequence[str], negative: str | Sequence[str], top_k: int
) -> Call[list[tuple[str, float]]]:
    """Neighbours of a sum of words, with their cosines."""

    def read(answer: Answer) -> list[tuple[str, float]]:
        (found,) = read_json(answer)
        return [(word["token"], word["score"]) for word in found.get("neighbours", [])]

    inputs = [{"positive": as_list(positive), "negative": as_list(negative)}]
    return Call("word-vectors", {"inputs": inputs, "vectors": False, "top_k": top_k}, read)


def provenance(options: Mapping[str, Any]) -> Call[dict[str, Any]]:
    """What vectors depend on beside their texts."""

    def read(answer: Answer) -> dict[str, Any]:
        info = read_json(answer)
        return {"options": dict(options)} | {key: info.get(key) for key in PROVENANCE}

    return Call("info", {}, read)


def read_json(answer: Answer) -> Any:
    """The decoded body."""
    return json.loads(answer.content)


def read_array(answer: Answer) -> Array:
    """The one array of a body in numpy's format."""
    array: Array = np.load(io.BytesIO(answer.content))
    return array


def read_arrays(answer: Answer) -> list[Array]:
    """One array per text, out of their rows one after the other; the header `x-lengths` says how many each has."""
    lengths = [int(length) for length in answer.headers["x-lengths"].split(",")]
    return np.split(read_array(answer), np.cumsum(lengths)[:-1])


def as_list(texts: str | Sequence[str]) -> list[str]:
    """One text is a list of one."""
    return [texts] if isinstance(texts, str) else list(texts)


def batched(texts: Iterable[str], size: int, first: int = 0) -> Iterator[tuple[int, list[str]]]:
    """The texts, `size` at a time, read as they are needed, each time with how many there were before, from `first` on.

    Raises:
        ValueError: the size is below 1; raised at the first batch.
    """
    if size < 1:
        raise ValueError(f"batch is {size}; it must be 1 or more")
    source = iter(texts)
    while batch := list(islice(source, size)):
        yield first, batch
        first += len(batch)
