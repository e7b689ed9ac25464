"""The same questions to an archive and to its reference, in one form: lists of words and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from handler.config import prompts as known
from handler.pipeline import Pipeline
from handler.types import Row
from scripts.console import Failure

TEXTS = ["hello cat", "how are you ?"]
LONG = "a cat sat on mat , " * 20
QUESTION, CONTEXT = "how ?", "a cat sat"
MASKED = "a [MASK] sat"
FLOAT = {"dtype": "float32"}
TOLERANCE = 1e-5
TOP = 5


def prompts_of(names: Any) -> list[str]:
    """Those that are compared."""
    return sorted(names)[:2]


def bodies(pipeline: Pipeline) -> list[dict[str, Any]]:
    """What the archive's own task is asked."""
    task = pipeline.config.task
    if task == "embedding":
        named = [{"inputs": TEXTS, "prompt_name": name} for name in prompts_of(known(pipeline.config))]
        return [{"inputs": [*TEXTS, LONG]}, *named]
    every: Mapping[str, dict[str, Any]] = {
        "rerank": {"query": QUESTION, "texts": [*TEXTS, LONG]},
        "question-answering": {"question": QUESTION, "context": CONTEXT},
        "fill-mask": {"inputs": MASKED, "top_k": TOP},
        "sparse-embedding": {"inputs": [*TEXTS, LONG]},
        "token-classification": {"inputs": TEXTS, "aggregation_strategy": "none", "ignore_labels": []},
    }
    return [every.get(task, {"inputs": TEXTS})]


def ours(pipeline: Pipeline) -> list[Any]:
    """Answers of the archive.

    Raises:
        Failure: it refused.
        AssertionError: it failed.
    """
    replies = [
        pipeline.answer([Row({"body": orjson.dumps(body)}, {}, "application/json")])[0] for body in bodies(pipeline)
    ]
    for reply in replies:
        assert reply.status < 500, bytes(reply.body)[:300]
        if reply.status != 200:
            raise Failure(f"the archive answers {reply.status}: {bytes(reply.body)[:300].decode()}")
    form = FORMS[pipeline.config.task]
    return [form(orjson.loads(reply.body)) for reply in replies]


def pairs(row: Any, *keys: str) -> list[list[Any]]:
    """Dictionaries as lists, in an order that ties do not change."""
    labels = ("label", "entity")  # ours are strings, also where a configuration has a number
    listed = ([str(item[key]) if key in labels else item[key] for key in keys] for item in row)
    return sorted(listed, key=lambda values: list(map(str, values)))


FORMS: Mapping[str, Callable[[Any], Any]] = {
    "hidden-states": list,
    "embedding": list,
    "text-classification": lambda rows: [pairs(row, "label", "score") for row in rows],
    "token-classification": lambda rows: [pairs(row, "start", "end", "entity", "score") for row in rows],
    "question-answering": lambda found: pairs(found if isinstance(found, list) else [found], "start", "end", "score"),
    "fill-mask": lambda row: pairs(row[0] if isinstance(row[0], list) else row, "token", "score"),
    "sparse-embedding": lambda rows: [sorted([item["index"], item["value"]] for item in row) for row in rows],
    "rerank": lambda row: [score for _, score in sorted((item["index"], item["score"]) for item in row)],
}
"""Answers without the order of equal ones."""


def reference(folder: Path, task: str) -> list[Any]:
    """transformers' or sentence-transformers' answers, in float32."""
    return REFERENCES[task](str(folder))


def hidden_states(folder: str) -> list[Any]:
    """Each text alone."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder, **FLOAT).eval()
    with torch.inference_mode():
        made = [model(**tokenizer(text, truncation=True, return_tensors="pt")) for text in TEXTS]
    return [[states.last_hidden_state[0].tolist() for states in made]]


def transformers(task: str, inputs: Any, **options: Any) -> Callable[[str], list[Any]]:
    """A pipeline's."""

    def answer(folder: str) -> list[Any]:
        from transformers import pipeline

        asked = pipeline(task, folder, device="cpu", **FLOAT)
        return [FORMS[task](asked(**inputs, **options) if isinstance(inputs, dict) else asked(inputs, **options))]

    return answer


def sentence_vectors(folder: str) -> list[Any]:
    """With the default prompt, and with each by its name."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu", model_kwargs=FLOAT)
    named = [model.encode(TEXTS, prompt_name=name, batch_size=1).tolist() for name in prompts_of(model.prompts)]
    return [model.encode([*TEXTS, LONG], batch_size=1).tolist(), *named]


def sparse_vectors(folder: str) -> list[Any]:
    """Indices and values."""
    from sentence_transformers import SparseEncoder

    model = SparseEncoder(folder, device="cpu", model_kwargs=FLOAT)
    rows = model.encode([*TEXTS, LONG], batch_size=1, convert_to_sparse_tensor=False).numpy()
    return [[[[int(index), float(row[index])] for index in np.flatnonzero(row)] for row in rows]]


def relevance(folder: str) -> list[Any]:
    """Of texts to a query."""
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(folder, device="cpu", model_kwargs=FLOAT)
    return [model.predict([(QUESTION, text) for text in [*TEXTS, LONG]], batch_size=1).tolist()]


def best_span(folder: str) -> list[Any]:
    """Of transformers' model, by the rule of its pipeline up to version 5.2: the likeliest start and end together."""
    import torch
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForQuestionAnswering.from_pretrained(folder, **FLOAT).eval()
    read = tokenizer(QUESTION, CONTEXT, return_offsets_mapping=True, return_tensors="pt")
    (places,) = read.pop("offset_mapping").tolist()
    inside = [number for number, side in enumerate(read.sequence_ids(0)) if side == 1]
    with torch.inference_mode():
        found = model(**read)
    ends = [logits[0][[0, *inside]].softmax(0)[1:] for logits in (found.start_logits, found.end_logits)]
    joint = torch.outer(*ends).triu()
    first, last = divmod(int(joint.argmax()), len(inside))
    return [[[places[inside[first]][0], places[inside[last]][1], float(joint.max())]]]


REFERENCES: Mapping[str, Callable[[str], list[Any]]] = {
    "hidden-states": hidden_states,
    "embedding": sentence_vectors,
    "sparse-embedding": sparse_vectors,
    "rerank": relevance,
    "text-classification": transformers("text-classification", TEXTS, top_k=None, truncation=True),
    "token-classification": transformers("token-classification", TEXTS, aggregation_strategy="none", ignore_labels=[]),
    "question-answering": best_span,
    "fill-mask": transformers("fill-mask", MASKED, top_k=TOP),
}
"""By the archive's task."""


def difference(got: Any, want: Any) -> str:
    """Where the first is, or nothing."""
    if isinstance(want, list | tuple):
        if not isinstance(got, list | tuple) or len(got) != len(want):
            return f"{str(got)[:90]} against {str(want)[:90]}"
        return next((found for found in map(difference, got, want) if found), "")
    if isinstance(want, float | np.floating):
        near = isinstance(got, int | float) and abs(got - want) <= TOLERANCE * max(1.0, abs(want))
        return "" if near or got == want else f"{got} against {want}"
    return "" if got == want else f"{str(got)[:90]} against {str(want)[:90]}"
