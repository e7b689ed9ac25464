"""int8: near float32 in what it is used for, and batch-invariant."""

import json
from functools import cache

import numpy as np
import orjson
import pytest

from handler import loading
from handler.types import Row
from scripts.load import workload
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints

TEXTS = 1000


@pytest.fixture(scope="module")
def texts(minilm):
    tokenizer = workload.read_tokenizer((minilm / "tokenizer.json").read_text())
    return workload.make("mixed", TEXTS, 1, tokenizer).texts


@pytest.fixture(scope="module", params=["native", "onnx"])
def pipeline(request, minilm, tmp_path_factory):
    @cache
    def load(dtype):
        archive = tmp_path_factory.mktemp("archive")
        packer.stage(checkpoints.read(minilm), archive, request.param, dtype)
        handler = {"task": "embedding", "max_length": 256, "threads": 2, "runtime": request.param, "dtype": dtype}
        settings = {"handler": handler | {"max_texts": TEXTS, "normalize": True}}
        return loading.load(archive, "bert", "1.0", settings, None, lambda *_: None)

    return load


def embed(pipeline, texts):
    (reply,) = pipeline.answer([Row({"body": orjson.dumps({"inputs": texts})}, {}, "application/json")])
    return np.asarray(json.loads(reply.body))


def ranks(values):
    order = np.empty(len(values))
    order[np.argsort(values)] = np.arange(len(values))
    return order


def test_vectors_and_the_order_of_their_cosines_are_near(pipeline, texts):
    """The least cosine to float32, and Spearman's rank correlation of all pairwise cosines, of 1,000 texts."""
    upper = np.triu_indices(TEXTS, 1)
    exact, small = (embed(pipeline(dtype), texts) for dtype in ("float32", "int8"))
    correlation = np.corrcoef(*(ranks((each @ each.T)[upper]) for each in (exact, small)))[0, 1]
    least = (exact * small).sum(1).min()
    print(f"Spearman {correlation:.5f}, least cosine {least:.5f}")
    assert 0.9985 <= correlation < 1
    assert 0.9975 <= least < 1


def test_a_text_is_the_same_in_any_company(pipeline, texts):
    served = pipeline("int8")
    alone = np.concatenate([embed(served, [text]) for text in texts[:8]])
    assert np.abs(embed(served, [*texts[:8], *["many words " * 200] * 4, *texts[8:64]])[:8] - alone).max() < 1e-6
