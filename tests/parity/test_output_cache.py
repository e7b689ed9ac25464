"""Answers with outputs that were kept against those without, byte for byte, for each task that runs the model."""

from functools import cache

import orjson
import pytest

from handler.output_cache import OutputCache
from handler.types import Row
from tests import heads, late_interaction

LONG = "ada lives in london " * 40
WORDS = ["ada lives in london", "who?", "ada lives in london", LONG]
LABELS = heads.labels(["bad", "good", "fair"])
ENTAILED = heads.labels(["contradiction", "neutral", "entailment"])
SCORE = heads.labels(["score"])
CLASSES = "ForSequenceClassification"
BGE_M3 = "BGE-M3"
"""All that it has besides: a vector and a weight per token."""
TASKS = {
    "hidden-states": ("Model", {}, {"inputs": WORDS}),
    "embedding": ("Model", {}, {"inputs": WORDS}),
    "embedding by pooler": ("Model", {}, {"inputs": WORDS, "pooling": "pooler"}),
    "embedding by max": ("Model", {}, {"inputs": WORDS, "pooling": "max"}),
    "chunk-embedding": ("Model", {}, {"inputs": WORDS, "chunk_size": 5}),
    "chunk-embedding by late chunking": ("Model", {}, {"inputs": WORDS, "chunk_size": 5, "late_chunking": True}),
    "similarity": ("Model", {}, {"source": "ada", "sentences": WORDS}),
    "rerank": (CLASSES, SCORE, {"query": "ada", "texts": WORDS}),
    "rerank by cosine": ("Model", {}, {"query": "ada", "texts": WORDS}),
    "text-classification": (CLASSES, LABELS, {"inputs": [*WORDS, ["a premise", "ada"]]}),
    "zero-shot-classification": (CLASSES, ENTAILED, {"inputs": WORDS, "candidate_labels": ["food", "work", "food"]}),
    "token-classification": ("ForTokenClassification", heads.labels(heads.LABELS), {"inputs": WORDS}),
    "question-answering": ("ForQuestionAnswering", {}, {"inputs": [{"question": "who?", "context": w} for w in WORDS]}),
    "fill-mask": ("ForMaskedLM", {}, {"inputs": ["ada [MASK] in london", "ada [MASK] in london", f"[MASK] {LONG}"]}),
    "sparse-embedding": ("ForMaskedLM", {}, {"inputs": WORDS}),
    "multi-vector": (BGE_M3, {}, {"inputs": WORDS}),
    "hybrid-embedding": (BGE_M3, {}, {"inputs": WORDS}),
    "sparse-embedding by linear layer": (BGE_M3, {}, {"inputs": WORDS}),
    "rerank by MaxSim": (BGE_M3, {}, {"query": "ada", "texts": WORDS}),
    "explanations": (CLASSES, LABELS, {"inputs": WORDS[:3], "steps": 4}),
}


@pytest.fixture(scope="module")
def loaded(make, load, tmp_path_factory):
    """Archives for `native`, by what they are made of."""
    here = tmp_path_factory.mktemp("bge-m3") / "model"
    special = cache(lambda: late_interaction.bge_m3(make("Bert", "Model"), here))
    return lambda head, options: load(special() if head == BGE_M3 else make("Bert", head, **options), "native")


def answered(pipeline, task, body, policy):
    raw = orjson.dumps({"task": task.split(" by ")[0], "truncation": policy, **body})
    (reply,) = pipeline.answer([Row({"body": raw}, {}, "application/json")])
    assert reply.status == 200, reply.body
    return reply.body, reply.headers.get("x-cached")


@pytest.mark.parametrize("task", TASKS)
def test_answers_are_the_same_bytes(loaded, task):
    head, options, body = TASKS[task]
    pipeline = loaded(head, options)
    try:
        for policy in ("right", "windows"):
            pipeline.cache = OutputCache(0)
            want, header = answered(pipeline, task, body, policy)
            assert header is None
            pipeline.cache = OutputCache(1 << 26)
            first, repeats = answered(pipeline, task, body, policy)
            again, found = answered(pipeline, task, body, policy)
            assert first == again == want
            assert int(found) > int(repeats)
    finally:
        pipeline.cache = OutputCache(0)


def test_every_task_that_runs_the_model_is_here(loaded):
    archives = [loaded(head, options) for head, options, _ in TASKS.values()]
    able = {name for archive in archives for name, task in archive.tasks.items() if task.forward}
    assert able == {name.split(" by ")[0] for name in TASKS}
