"""A worker's answers against the reference's: a cell for each task, alone and in a mixed batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

from benchmarks.gpu.context import Context
from benchmarks.gpu.parity import questions
from benchmarks.gpu.parity.archived import Answer, answers
from benchmarks.gpu.parity.differences import MEASURES
from benchmarks.gpu.parity.questions import Question
from benchmarks.gpu.parity.tally import Tally
from handler.config import Dtype
from handler.pipeline import Pipeline

BOUNDS: dict[Dtype, float] = {"bfloat16": 1e-2, "float16": 2e-3, "float32": 1e-4}
COMPARED = ("embedding", "hidden-states")
"""Tasks whose answers alone and in a mixed batch are held against each other."""
Known = list[tuple[Question, Any]]
"""Requests, and the reference's answers."""


def compare(context: Context, about: dict[str, Any], worker: Pipeline, known: Known) -> None:
    """One runtime in one dtype: a cell for each task, alone and in a mixed batch."""
    able = [each for each in known if each[0].task != "explanations" or about["runtime"] == "packed"]
    asked = [question for question, _ in able]
    found = {
        "alone": [answers(worker, [question.content])[0] for question in asked],
        "mixed": mixed(context, about, worker, asked),
    }
    for task, batch in product(dict.fromkeys(question.task for question in asked), found):
        some = [(*each, answer) for each, answer in zip(able, found[batch], strict=True) if each[0].task == task]
        bound = BOUNDS["float32" if task == "explanations" else about["dtype"]]
        context.add("cell", **about, task=task, batch=batch, **cell(some, bound))
    for task in COMPARED if about["head"] == "Model" else ():
        places = [place for place, question in enumerate(asked) if question.task == task]
        pairs = [(asked[place], found["alone"][place].value, found["mixed"][place]) for place in places]
        identical = all(alone == together.value for _, alone, together in pairs)
        context.add("invariance", **about, task=task, identical=identical, difference=cell(pairs, 0.0)["difference"])


def mixed(context: Context, about: dict[str, Any], worker: Pipeline, asked: Sequence[Question]) -> list[Answer]:
    """All in one batch, among requests that nobody can answer: each of those has to fail by itself."""
    good, bad = [question.content for question in asked], questions.BAD
    places = [number * len(good) // (len(bad) - 1) + number for number in range(len(bad))]
    for place, body in zip(places, bad, strict=True):
        good.insert(place, body)
    found = answers(worker, good)
    statuses = [found[place].status for place in places]
    context.add("refusals", **about, statuses=statuses, ok=all(400 <= status < 500 for status in statuses))
    return [answer for place, answer in enumerate(found) if place not in places]


def cell(some: Sequence[tuple[Question, Any, Answer]], bound: float) -> dict[str, Any]:
    """The largest difference of some requests, and whether it is within the bound."""
    tally = Tally()
    try:
        for question, known, answer in some:
            if answer.status != 200:
                raise ValueError(f"{answer.status}: {answer.value['error']}")
            MEASURES[question.task](tally, question.body, known, answer.value)
        if math.isinf(tally.largest):
            raise ValueError("the answer or the reference holds null or infinity in the place of a number")
    except Exception as error:  # one that is no answer costs no other cell
        return {"requests": len(some)} | failed(error, bound)
    counts = {"requests": len(some), "entries": tally.entries, "ties": tally.ties, "unmatched": tally.unmatched}
    return {"difference": float(f"{tally.largest:.3g}"), "bound": bound, "ok": tally.within(bound), **counts}


def failed(error: Exception, bound: float) -> dict[str, Any]:
    """Of a cell without a difference."""
    return {"difference": None, "bound": bound, "ok": False, "error": f"{type(error).__name__}: {error}"}
