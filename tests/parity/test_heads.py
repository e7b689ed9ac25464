"""Tasks with a head, in every runtime and family, against transformers' pipelines and sentence-transformers."""

import numpy as np
import orjson
import pytest
import torch
from transformers import pipeline

from handler.types import Row
from tests import heads
from tests.asking import ask, check

TEXTS = [
    "Ada Lovelace lived in London.",
    "naïve café in Zürich, isn't it?",
    "我住在北京。 Ada 住在伦敦",
    "two\nlines\tand 🙂 emoji 👩‍👩‍👧 here",
    "antidisestablishmentarianism unbelievably",
    "x",
]
PAIRS = [("where is Ada?", "Ada lives in London"), ("你好", "naïve\ncafé 🙂"), ("a", "b " * 20)]
MASKED = ["Paris is the [MASK] of France.", "naïve [MASK] 🙂\n我[MASK]北京", "[MASK]"]


@pytest.mark.parametrize(
    "options",
    [
        heads.labels(["bad", "good", "fair"]),
        heads.labels(["a", "b", "c"]) | {"problem_type": "multi_label_classification"},
        heads.labels(["score"]) | {"problem_type": "regression"},
        heads.labels(["yes"]),
    ],
    ids=["single", "multi", "regression", "one"],
)
def test_text_classification(make, load, family, runtime, options):
    folder = make(family, "ForSequenceClassification", **options)
    ours, theirs = load(folder, runtime), pipeline("text-classification", str(folder))
    assert ask(ours, {"task": "info"})["task"] == "text-classification"
    check(ask(ours, {"inputs": TEXTS}), theirs(TEXTS, top_k=None))
    check(ask(ours, {"inputs": TEXTS, "top_k": 1}), theirs(TEXTS, top_k=1))
    pairs = [theirs({"text": left, "text_pair": right}, top_k=None) for left, right in PAIRS]
    check(ask(ours, {"inputs": PAIRS}), pairs)
    check(ask(ours, {"inputs": PAIRS[0][0], "text_pair": PAIRS[0][1]}), pairs[:1])
    for name in ("sigmoid", "softmax", "none"):
        check(
            ask(ours, {"inputs": TEXTS, "function_to_apply": name}), theirs(TEXTS, top_k=None, function_to_apply=name)
        )


@pytest.mark.parametrize("strategy", ["none", "simple", "first", "average", "max"])
def test_token_classification(make, load, family, runtime, strategy):
    folder = make(family, "ForTokenClassification", **heads.labels(heads.LABELS))
    ours, theirs = load(folder, runtime), pipeline("ner", str(folder))
    for ignored in (["O"], []):
        options = {"aggregation_strategy": strategy, "ignore_labels": ignored}
        check(ask(ours, {"inputs": TEXTS, **options}), theirs(TEXTS, **options))
    check(ask(ours, *[{"inputs": text, **options} for text in TEXTS]), [[each] for each in theirs(TEXTS, **options)])


def test_fill_mask(make, load, family, runtime):
    folder = make(family, "ForMaskedLM")
    ours, theirs = load(folder, runtime), pipeline("fill-mask", str(folder))
    for options in ({}, {"top_k": 3}, {"targets": ["paris", "unbelievably", "london"]}):
        check(ask(ours, {"inputs": MASKED, **options}), [theirs(text, **options) for text in MASKED])


def test_rerank_as_a_cross_encoder(make, load, family, runtime):
    from sentence_transformers import CrossEncoder

    folder = make(family, "ForSequenceClassification", **heads.labels(["score"]))
    ours, theirs = load(folder, runtime), CrossEncoder(str(folder), device="cpu")
    texts = [*TEXTS, "a very long text indeed " * 30]
    want = theirs.rank(TEXTS[0], texts, return_documents=True)
    got = ask(ours, {"task": "rerank", "query": TEXTS[0], "texts": texts, "return_text": True})
    check(got, [{"index": item["corpus_id"], "score": item["score"], "text": item["text"]} for item in want])
    raw = theirs.predict([(TEXTS[0], text) for text in texts], activation_fn=torch.nn.Identity())
    got = ask(ours, {"task": "rerank", "query": TEXTS[0], "texts": texts, "raw_scores": True, "top_n": 2})
    check([item["score"] for item in got], sorted(raw.tolist(), reverse=True)[:2])


def test_blank_documents_of_a_reranker(make, load, family, runtime):
    from sentence_transformers import CrossEncoder

    folder = make(family, "ForSequenceClassification", **heads.labels(["score"]))
    ours, theirs = load(folder, runtime), CrossEncoder(str(folder), device="cpu")
    for query in (TEXTS[0], "the query is much longer than the model " * 9):
        texts = [TEXTS[0], "", " ", TEXTS[1]]
        body = orjson.dumps({"query": query, "texts": texts, "return_documents": None, "top_n": 9})
        (reply,) = ours.answer([Row({"body": body}, {}, "application/json", "tei/rerank")])
        assert reply.headers["x-ignored"] == "top_n"
        got = {item["index"]: item["score"] for item in orjson.loads(reply.body)}
        check([got[number] for number in range(4)], theirs.predict([(query, text) for text in texts]).tolist())


def test_sparse_embedding_as_a_sparse_encoder(make, load, family, runtime):
    from sentence_transformers import SparseEncoder

    folder = make(family, "ForMaskedLM")
    ours, theirs = load(folder, runtime), SparseEncoder(str(folder), device="cpu")
    dense = theirs.encode([*TEXTS, "long " * 100], convert_to_sparse_tensor=False).numpy()
    got = ask(ours, {"task": "sparse-embedding", "inputs": [*TEXTS, "long " * 100]})
    for items, row in zip(got, dense, strict=True):
        values = np.zeros_like(row)
        values[[item["index"] for item in items]] = [item["value"] for item in items]
        assert np.abs(values - row).max() < 1e-5
        assert len(items) == np.count_nonzero(row)


def test_a_sparse_embedding_that_is_not_sparse_is_refused_before_it_is_whole(make, load):
    ours = load(make("Bert", "ForMaskedLM"), "packed")
    body = {"task": "sparse-embedding", "inputs": [TEXTS[0]] * 2000}  # random weights: half of the vocabulary each
    (reply,) = ours.answer([Row({"body": orjson.dumps(body)}, {}, "application/json")])
    assert reply.status == 413
    assert b"of 2000 texts make about" in reply.body
    assert len(ask(ours, body | {"top_k": 3})) == 2000


@pytest.mark.parametrize("task", ["fill-mask", "sparse-embedding"])
def test_the_vocabulary_is_read_in_portions_until_time_is_up(make, load, monkeypatch, task):
    ours = load(make("Bert", "ForMaskedLM"), "packed")
    body = {"task": task, "inputs": [*MASKED, "[MASK] and [MASK]"]}
    whole = ask(ours, body)
    monkeypatch.setattr("handler.tasks.vocabulary.ROWS", 2)
    check(ask(ours, body), whole)
    monkeypatch.setattr("handler.pipeline.monotonic", lambda: 0.0)
    clock = iter([0.0, 0.0, 0.0, 1e9])  # reading; the one batch; the first portion; the second
    monkeypatch.setattr("handler.deadline.monotonic", lambda: next(clock))
    (reply,) = ours.answer([Row({"body": orjson.dumps(body)}, {}, "application/json")])
    assert (reply.status, next(clock, None)) == (503, None)
    assert b"not finished" in reply.body
