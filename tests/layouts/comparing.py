"""One archive's answers against the reference's, task by task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import orjson

from handler.pipeline import Pipeline
from handler.types import Row
from tests.layouts import texts
from tests.layouts.references import ROWS, Reference

NEAR, BESIDE = 1e-5, 1e-3
"""Tolerances of values up to 1, alone and beside others: padding rounds otherwise, which random weights may multiply.
Of larger values it is twice as much of their size."""
TAGS = ("entity", "index", "word", "start", "end")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request and the reference's answer to it.

    Attributes:
        task: of the archive.
        body: of the request.
        want: computes what the reference has.
        read: makes the same of the archive's answer.
        blank: whether there may be nothing in it for the model to read, so that a refusal is an answer.
        near: tolerance of values up to 1.
    """

    task: str
    body: Mapping[str, Any]
    want: Callable[[], Any]
    read: Callable[[Any], Any] = lambda answer: answer[0]
    blank: bool = False
    near: float = NEAR


@dataclass(slots=True)
class Found:
    """What came of all requests.

    Attributes:
        largest: difference, by the size of the values where that is above 1.
        wrong: what differs, worst or first.
        beyond: what the reference itself cannot do.
        compared: how many answers were.
    """

    largest: float = 0.0
    wrong: str = ""
    beyond: str = ""
    compared: int = 0


def compare(pipeline: Pipeline, reference: Reference) -> Found:
    """Ask for all that the archive offers and the reference has an answer to."""
    found = Found()
    offered = pipeline.tasks
    for asked in requests(reference, pipeline):
        if asked.task not in offered:
            continue
        try:
            want = asked.want()
        except Exception as error:  # of any kind: what the reference cannot do is said and not compared
            found.beyond = found.beyond or f"{asked.task}: {type(error).__name__}: {error}"
            want = None
        answer, status = ask(pipeline, asked)
        if status != 200:
            if not ((asked.blank or want is None) and status < 500):
                found.wrong = found.wrong or f"{asked.task}: status {status}: {answer}"
            continue
        if want is None:
            continue
        found.compared += 1
        note(found, asked, asked.read(answer), want)
    return found


def note(found: Found, asked: Asked, got: Any, want: Any) -> None:
    """Keep the largest difference, and the first that is too large."""
    ours, theirs = flat(got), flat(want)
    if [each for each in ours if isinstance(each, str)] != [each for each in theirs if isinstance(each, str)]:
        found.wrong = found.wrong or f"{asked.task}: {str(got)[:80]} for {str(want)[:80]}"
        return
    a, b = (np.array([each for each in some if not isinstance(each, str)], dtype=np.float64) for some in (ours, theirs))
    if a.shape != b.shape:
        found.wrong = found.wrong or f"{asked.task}: {len(a)} numbers for {len(b)}"
        return
    peak = float(np.abs(b).max(initial=0.0))
    apart = float(np.abs(a - b).max(initial=0.0)) / max(1.0, peak)
    found.largest = found.largest if asked.near == BESIDE else max(found.largest, apart)
    if not apart <= asked.near * (1 if peak <= 1 else 2):
        found.wrong = found.wrong or f"{asked.task}: {apart:.1e} apart at {str(asked.body)[:60]}"


def flat(value: Any) -> list[Any]:
    """Strings and numbers in their order."""
    if isinstance(value, Mapping):
        return [part for key in sorted(value) for part in (str(key), *flat(value[key]))]
    if isinstance(value, np.ndarray):
        return value.ravel().tolist()  # type: ignore[no-any-return]
    if isinstance(value, list | tuple):
        return [part for each in value for part in flat(each)]
    return [value]


def ask(pipeline: Pipeline, asked: Asked) -> tuple[Any, int]:
    """The answer or the error's words, and the status."""
    body = {"task": asked.task, **asked.body}
    (reply,) = pipeline.answer([Row({"body": orjson.dumps(body)}, {}, "application/json", trusted=True)])
    answer = orjson.loads(reply.body)
    return (answer, 200) if reply.status == 200 else (answer.get("error"), reply.status)


def requests(reference: Reference, pipeline: Pipeline) -> Iterator[Asked]:
    """Of every task, whether the archive offers it or not."""
    for text in texts.TEXTS:
        blank = not pipeline.tokenizer.backend.encode(text, add_special_tokens=False).ids
        body = {"inputs": text}
        yield Asked("hidden-states", body, lambda text=text: reference.states(text), blank=blank)  # type: ignore[misc]
        yield Asked("embedding", body, lambda text=text: reference.vector(text), blank=blank)  # type: ignore[misc]
        yield Asked("text-classification", body, lambda text=text: reference.labels(text), labelled, blank)  # type: ignore[misc]
        yield Asked("sparse-embedding", body, lambda text=text: reference.weights(text), weighted, blank)  # type: ignore[misc]
    for one, two in texts.PAIRS:
        body = {"inputs": [[one, two]]}
        yield Asked("text-classification", body, lambda one=one, two=two: reference.labels(one, two), labelled)  # type: ignore[misc]
        if two is not texts.LONG:
            yield Asked(
                "question-answering",
                {"question": one, "context": two, "align_to_words": False},
                lambda one=one, two=two: reference.span(one, two),  # type: ignore[misc]
                lambda answer: answer[0]["score"],
            )
    for text in texts.SHORT:
        tags = {"inputs": text, "aggregation_strategy": "none", "ignore_labels": []}
        yield Asked(
            "token-classification", tags, lambda text=text: tagged(reference.tagging(text)), lambda a: tagged(a[0])
        )  # type: ignore[misc]
    yield Asked(
        "embedding",
        {"inputs": texts.TOGETHER},
        lambda: [reference.vector(text) for text in texts.TOGETHER],
        lambda answer: answer,
        near=BESIDE,
    )
    yield from sides(reference) if reference.routed else ()
    yield from masked(reference, pipeline)
    yield from ranked(reference, pipeline)


def sides(reference: Reference) -> Iterator[Asked]:
    """Of a router, which answers for queries and for documents otherwise."""
    for text, side in product(texts.SHORT, ("query", "document")):
        body = {"inputs": text, "input_type": side}
        yield Asked("embedding", body, lambda text=text, side=side: reference.vector(text, side))  # type: ignore[misc]
        yield Asked("sparse-embedding", body, lambda text=text, side=side: reference.weights(text, side), weighted)  # type: ignore[misc]


def masked(reference: Reference, pipeline: Pipeline) -> Iterator[Asked]:
    """Texts with the mask of the reference's tokenizer."""
    for text in texts.MASKED:
        filled = text.replace("{mask}", str(reference.tokenizer.mask_token))
        yield Asked(
            "fill-mask",
            {"inputs": filled},
            lambda filled=filled: words(reference.filling(filled)),
            lambda a: words(a[0]),
        )  # type: ignore[misc]


def ranked(reference: Reference, pipeline: Pipeline) -> Iterator[Asked]:
    """Pairs by a head, or by cosines."""
    (query, text), second, *_ = texts.PAIRS
    several = [text, second[1], *texts.TEXTS[:3]]
    body = {"query": query, "texts": several}

    def scores(answer: Any) -> list[float]:
        return [item["score"] for item in sorted(answer, key=lambda item: item["index"])]

    if pipeline.tasks["info"].model.kind == "reranker":
        yield Asked("rerank", body, lambda: [reference.relevance((query, each)) for each in several], scores)
    elif not reference.modules or (reference.embeds and not reference.sentences.prompts.get("passage")):
        yield Asked("rerank", body, lambda: reference.cosines(query, several), scores)


def labelled(answer: Any) -> dict[str, float]:
    """Scores by label."""
    return {row["label"]: row["score"] for row in answer[0]}


def weighted(answer: Any) -> Any:
    """Weights of all words; which are 0 is a matter of rounding."""
    found = np.zeros(ROWS)
    for row in answer[0]:
        found[row["index"]] = row["value"]
    return found


def tagged(rows: Any) -> list[Any]:
    """Tokens with their labels and scores."""
    return [[str(row[key]) for key in TAGS] + [float(row["score"])] for row in rows]


def words(rows: Any) -> list[Any]:
    """The likeliest words."""
    return [[str(row["token"]), row["token_str"], float(row["score"])] for row in rows]
