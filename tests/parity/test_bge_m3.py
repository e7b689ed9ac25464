"""BGE-M3's three kinds of embeddings against FlagEmbedding's, which `tests/data/bge_m3.json` holds."""

import json
from pathlib import Path

import numpy as np
import pytest

from handler import loading
from handler.output_cache import OutputCache
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from tests import heads, late_interaction
from tests.asking import ask

REFERENCE = json.loads((Path(__file__).parents[1] / "data" / "bge_m3.json").read_text())
TEXTS = REFERENCE["texts"]


@pytest.fixture(scope="module")
def folder(tokenizer, tmp_path_factory):
    here = tmp_path_factory.mktemp("bge-m3")
    return late_interaction.bge_m3(heads.save(here / "base", "Bert", "Model", tokenizer), here / "model")


@pytest.fixture(scope="module", params=["native", "packed as on a GPU"])
def served(request, folder, tmp_path_factory):
    runtime = request.param.split()[0]
    checkpoint, archive = checkpoints.read(folder), tmp_path_factory.mktemp("archive")
    config = packer.configure(checkpoint, {"handler": {"runtime": runtime, "threads": 1}})
    packer.stage(checkpoint, archive, runtime)
    keys = ("task", "max_length", "runtime", "threads", "pooling", "normalize")
    settings = {"handler": {key: getattr(config.handler, key) for key in keys}}
    pipeline = loading.load(archive, "bert", "1.0", settings, None, lambda *_: None)
    if request.param != runtime:
        pipeline.runtime.outputs_on_device, pipeline.portion, pipeline.cache = True, 40, OutputCache(0)
    return pipeline


def weights(text):
    return {item["index"]: item["value"] for item in text}


def check(found, kind):
    if kind == "sparse":
        expected = [{int(id): weight for id, weight in text.items()} for text in REFERENCE[kind]]
        assert [weights(text) for text in found] == [pytest.approx(each, abs=1e-5) for each in expected]
    else:
        for one, other in zip(found, REFERENCE[kind], strict=True):
            assert np.shape(one) == np.shape(other)
            assert np.abs(np.asarray(one) - other).max() < 1e-5


def test_all_three_of_one_pass_and_each_by_its_own_task(served):
    found = ask(served, {"inputs": TEXTS, "task": "hybrid-embedding"})
    for kind, task in (("dense", "embedding"), ("sparse", "sparse-embedding"), ("multi_vector", "multi-vector")):
        check([text[kind] for text in found], kind)
        check(ask(served, {"inputs": TEXTS, "task": task}), kind)
    some = ask(served, {"inputs": TEXTS[0], "task": "hybrid-embedding", "outputs": ["sparse"]})
    assert [*some[0]] == ["sparse"]
    assert weights(some[0]["sparse"]) == pytest.approx(weights(found[0]["sparse"]), abs=1e-5)
    heaviest = ask(served, {"inputs": TEXTS[0], "task": "sparse-embedding", "top_k": 2})[0]
    assert sorted(weights(found[0]["sparse"]).values())[-2:] == pytest.approx(
        sorted(weights(heaviest).values()), abs=1e-5
    )


def test_such_a_model_is_made_for_embeddings(served):
    assert ask(served, {"task": "info"})["task"] == "embedding"
    dense = np.asarray(REFERENCE["dense"])
    ranked = ask(served, {"task": "rerank", "query": TEXTS[0], "texts": TEXTS})
    assert {item["index"]: item["score"] for item in ranked} == pytest.approx(
        dict(enumerate(dense @ dense[0])), abs=1e-5
    )


def test_nothing_is_left_out(folder):
    checkpoint = checkpoints.read(folder)
    known = packer.supported_tasks(packer.capabilities(checkpoint, packer.configure(checkpoint, {}).handler))
    assert {"hybrid-embedding", "sparse-embedding", "multi-vector"} <= known.keys()


def test_wrong_requests(served):
    body = {"inputs": TEXTS[0], "task": "hybrid-embedding"}
    assert "outputs" in ask(served, {**body, "outputs": []}, status=422)["error"]
    assert "outputs" in ask(served, {**body, "outputs": ["sparse", "other"]}, status=422)["error"]
