"""The whole pipeline with the `eager` runtime against transformers itself."""

import numpy as np
import orjson
import pytest
import torch
from transformers import AutoTokenizer, BertModel

from handler import pipeline as pipelines
from handler.call import Row
from handler.config import CHECKPOINT
from scripts import checkpoint as checkpoints
from scripts import pack as packer

TEXTS = ["Hello, how are you?", "a cat sat on a mat", "你好", "é", "a " * 36]


@pytest.fixture(scope="module", params=["tiny", "minilm"])
def folder(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def pipeline(folder, tmp_path_factory):
    archive = tmp_path_factory.mktemp("archive")
    packer.stage(checkpoints.read(folder), archive)
    assert (archive / CHECKPOINT / "config.json").exists()
    settings = {"handler": {"task": "hidden-states", "max_length": 40, "threads": 2}}
    return pipelines.load(archive, "bert", "1.0", settings, None, lambda *_: None)


@pytest.fixture(scope="module")
def states(folder):
    """`last_hidden_state` of one text at a time, as its authors would compute it."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = BertModel.from_pretrained(folder).eval()

    def run(text):
        with torch.no_grad():
            return model(**tokenizer(text, return_tensors="pt", truncation=True, max_length=40)).last_hidden_state

    return run


def ask(pipeline, body):
    (reply,) = pipeline.answer([Row({"body": orjson.dumps(body)}, {}, "application/json")])
    assert reply.status == 200, reply.body
    return orjson.loads(reply.body)


def test_one_text_is_exactly_tolist(pipeline, states):
    assert ask(pipeline, {"text": TEXTS[0]}) == states(TEXTS[0]).tolist()


def test_a_batch_is_within_1e5(pipeline, states):
    for got, text in zip(ask(pipeline, {"inputs": TEXTS}), TEXTS, strict=True):
        want = states(text)[0].numpy()
        assert np.asarray(got).shape == want.shape
        assert np.abs(np.asarray(got) - want).max() < 1e-5


def test_token_ids_give_the_same_states_as_the_text(pipeline):
    (tokens,) = ask(pipeline, {"inputs": TEXTS[0], "task": "tokenize"})
    ids = [token["id"] for token in tokens]
    assert ask(pipeline, {"inputs": [ids]}) == ask(pipeline, {"inputs": TEXTS[0]})


def test_the_pooler_is_the_checkpoints_own(pipeline, folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = BertModel.from_pretrained(folder).eval()
    with torch.no_grad():
        want = model(**tokenizer("a cat", return_tensors="pt")).pooler_output
    got = ask(pipeline, {"inputs": "a cat", "task": "embedding", "pooling": "pooler"})
    assert np.abs(np.asarray(got) - want.numpy()).max() < 1e-5
