"""Embeddings of the default model against those of sentence-transformers; `minilm.json` states their origin."""

import base64

import numpy as np
import orjson
import pytest
from sentence_transformers import SentenceTransformer

from handler import loading
from handler.types import Row
from scripts.packing import model_config
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints


@pytest.fixture(scope="module", params=["native", "packed", "onnx", "torchscript", "eager"])
def pipeline(request, minilm, tmp_path_factory):
    runtime = request.param
    archive = tmp_path_factory.mktemp("archive")
    checkpoint = checkpoints.read(minilm)
    packer.stage(checkpoint, archive, runtime)
    settings = {
        "handler": {
            "task": checkpoint.task,
            "runtime": runtime,
            "max_length": checkpoint.max_length,
            "pooling": checkpoint.pooling,
            "normalize": checkpoint.normalize,
        }
    }
    return loading.load(archive, "bert", "1.0", model_config.merged(settings, {}), None, lambda *_: None)


@pytest.fixture(scope="module")
def theirs(minilm):
    return SentenceTransformer(str(minilm), device="cpu")


def ask(pipeline, body, path=""):
    (reply,) = pipeline.answer([Row({"body": orjson.dumps(body)}, {}, "application/json", path)])
    assert reply.status == 200, reply.body
    return reply, orjson.loads(reply.body)


def test_all_texts_in_one_request(pipeline, reference):
    reply, vectors = ask(pipeline, {"inputs": reference["texts"]})
    assert np.abs(np.asarray(vectors) - reference["embeddings"]).max() < 1e-5
    assert reply.headers["x-tokens"] == str(sum(reference["tokens"]))


def test_one_text_at_a_time(pipeline, reference):
    for text, vector in zip(reference["texts"], reference["embeddings"], strict=True):
        _, answer = ask(pipeline, {"inputs": text})
        assert np.abs(np.asarray(answer[0]) - vector).max() < 1e-5


def test_blank_texts_are_texts_to_others_clients(pipeline, theirs, reference):
    for blank in ("", " ", "\n"):
        text = reference["texts"][0]
        reply, vectors = ask(pipeline, {"inputs": [text, blank, text]}, "hf/embedding")
        assert np.abs(np.asarray(vectors)[1] - theirs.encode(blank)).max() < 1e-5
        assert np.abs(np.asarray(vectors)[::2] - reference["embeddings"][0]).max() < 1e-5
        assert reply.headers["x-tokens"] == str(2 * reference["tokens"][0] + 2)


def test_base64_holds_the_same_floats(pipeline, reference):
    _, texts = ask(pipeline, {"inputs": reference["texts"][:3], "encoding_format": "base64"})
    vectors = [np.frombuffer(base64.b64decode(text), "<f4") for text in texts]
    assert np.abs(np.asarray(vectors) - reference["embeddings"][:3]).max() < 1e-5


def test_binary_signs(pipeline, reference):
    _, signs = ask(pipeline, {"inputs": reference["texts"], "encoding_format": "binary"})
    different = np.unpackbits((np.asarray(signs) ^ np.asarray(reference["binary"])).astype(np.uint8)).sum()
    assert different <= 2  # a component within 1e-7 of zero may fall on either side


def test_similarity(pipeline, reference):
    texts = reference["texts"]
    _, cosines = ask(pipeline, {"task": "similarity", "source": texts[0], "sentences": texts[1:4]})
    assert cosines == pytest.approx(reference["similarity_of_first_to_next_three"], abs=1e-5)
