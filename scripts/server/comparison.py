"""How far the answers of two versions of a model are apart, on a sample of texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from scripts.console import Failure
from scripts.server import inference
from scripts.server.state import Server

TEXTS = (
    "Hello, how are you?",
    "no",
    "The invoice of 14 March 2024 was paid twice, and nobody has answered my three letters.",
    "Wie lange dauert die Lieferung nach Österreich?",
    "モデルはどこで動きますか。",
    "def add(a, b): return a + b",
    "Refund!!! I want my money back NOW :-(",
    "Ada Lovelace wrote about the Analytical Engine in London. " * 20,
)
"""A short and a long one, other languages and scripts, code; `--texts` takes better ones."""
QUESTION, LABELS = "What has happened?", ["travel", "money", "work"]


def by_itself(text: str) -> dict[str, Any]:
    """The body for a text."""
    return {"inputs": text}


BODIES: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "embedding": by_itself,
    "text-classification": by_itself,
    "token-classification": by_itself,
    "sparse-embedding": by_itself,
    "multi-vector": by_itself,
    "hybrid-embedding": by_itself,
    "rerank": lambda text: {"query": text, "texts": TEXTS},
    "question-answering": lambda text: {"question": QUESTION, "context": text},
    "zero-shot-classification": lambda text: {"inputs": text, "candidate_labels": LABELS},
}
"""By an archive's task; all others are compared by their vectors, which every archive has."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two versions side by side.

    Attributes:
        versions: the older, then the newer.
        task: whose answers were compared.
        texts: how many.
        changed: texts whose labels, or whose order or number of values, differ.
        difference: the largest absolute difference of two numbers, where the rest is the same.
        cosine: the smallest one between two vectors of the same text, 0 where one of them is; None for other tasks.
    """

    versions: tuple[str, str]
    task: str
    texts: int
    changed: int
    difference: float
    cosine: float | None


def compare(server: Server, model: str, versions: tuple[str, str], texts: Sequence[str]) -> Comparison:
    """Ask both versions for each text by itself, as company changes the last digits of some runtimes.

    Raises:
        Failure: a version refuses a text.
    """
    info = inference.decoded(inference.post(server, f"/predictions/{model}/{versions[1]}/info", {}))
    task = info["task"] if info.get("task") in BODIES else "embedding"
    body = BODIES[task]
    changed, difference, cosines = 0, 0.0, []
    for text in texts:
        older, newer = (answer(server, f"/predictions/{model}/{version}/{task}", body(text)) for version in versions)
        if shape(older) != shape(newer):
            changed += 1
            continue
        one, other = (np.array(list(numbers(each))) for each in (older, newer))
        difference = max(difference, float(np.abs(one - other).max(initial=0)))
        if task == "embedding":
            lengths = np.linalg.norm(one) * np.linalg.norm(other)
            cosines.append(float(one @ other / lengths) if lengths else 0.0)
    return Comparison(
        versions=versions,
        task=task,
        texts=len(texts),
        changed=changed,
        difference=difference,
        cosine=min(cosines, default=None),
    )


def answer(server: Server, address: str, body: Mapping[str, Any]) -> Any:
    """What a version says of a text."""
    got = inference.post(server, address, body)
    if got.status_code != 200:
        raise Failure(f"POST {address}: {got.status_code}; nothing was changed", why=got.text[:500])
    return got.json()


def numbers(value: Any) -> Iterator[float]:
    """The fractions of an answer, in order; whole numbers in it are positions."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from numbers(item)


def shape(value: Any) -> Any:
    """An answer without its fractions: what has to be the same before they can be compared."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return float if isinstance(value, float) else value
