"""The whole pipeline with each runtime against transformers itself."""

import numpy as np
import orjson
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from handler import loading
from handler.types import Row
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints

APART = {"native": 0, "onnx": 1e-6, "packed": 1e-6, "torchscript": 1e-5, "eager": 1e-5}
"""How far states of a text may be apart in other company: the last two are padded, and torch's products are others on
each kind of CPU and for each number of rows (2.4e-6 on an Ice Lake, less than 1e-6 on Zen)."""
TEXTS = ["Hello, how are you?", "a cat sat on a mat", "a cat", "a mat", "你好", "é", "a " * 36]


@pytest.fixture(scope="module", params=["tiny", "minilm", "tiny_roberta", "tiny_distilbert"])
def folder(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module", params=["native", "packed", "onnx", "torchscript", "eager"])
def runtime(request):
    return request.param


@pytest.fixture(scope="module")
def pipeline(folder, runtime, tmp_path_factory):
    archive = tmp_path_factory.mktemp("archive")
    packer.stage(checkpoints.read(folder), archive, runtime)
    settings = {"handler": {"task": "hidden-states", "max_length": 40, "threads": 2, "runtime": runtime}}
    return loading.load(archive, "bert", "1.0", settings, None, lambda *_: None)


@pytest.fixture(scope="module")
def model(folder):
    """Tokenizer and model as their authors would load them."""
    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()


def states(model, text, **options):
    tokenizer, bert = model
    with torch.no_grad():
        return bert(**tokenizer(text, return_tensors="pt", truncation=True, max_length=40, **options))


def ask(pipeline, body):
    (reply,) = pipeline.answer([Row({"body": orjson.dumps(body)}, {}, "application/json")])
    assert reply.status == 200, reply.body
    return orjson.loads(reply.body)


def test_one_text_is_tolist(pipeline, model, runtime):
    got, want = ask(pipeline, {"text": TEXTS[0]}), states(model, TEXTS[0]).last_hidden_state
    if runtime == "eager":
        assert got == want.tolist()
    assert np.abs(np.asarray(got) - want.numpy()).max() < 1e-5


def test_a_batch_is_within_1e5(pipeline, model):
    for got, text in zip(ask(pipeline, {"inputs": TEXTS}), TEXTS, strict=True):
        want = states(model, text).last_hidden_state[0].numpy()
        assert np.asarray(got).shape == want.shape
        assert np.abs(np.asarray(got) - want).max() < 1e-5


def test_a_padding_token_in_a_text_is_a_token(pipeline, model):
    """In RoBERTa it also shifts the positions of all that follow it in its text, and of no other."""
    padding = model[0].pad_token
    texts = [f"a {padding} cat {padding}{padding} a mat", "a cat", f"{padding} a", f"a mat {padding}", *TEXTS]
    for got, text in zip(ask(pipeline, {"inputs": texts}), texts, strict=True):
        want = states(model, text).last_hidden_state[0].numpy()
        assert np.abs(np.asarray(got) - want).max() < 1e-5


def test_a_text_has_the_same_states_in_any_mixed(pipeline, runtime):
    (alone,) = ask(pipeline, {"inputs": TEXTS[0]})
    others = [f"{number} {text}" for number in range(5) for text in TEXTS[1:]]
    mixed = [TEXTS[0], *(f"{number} {'a ' * 40}" for number in range(31)), *others]
    got = ask(pipeline, {"inputs": mixed})[0]
    assert np.abs(np.asarray(got) - alone).max() <= APART[runtime]


def test_token_ids_give_the_same_states_as_the_text(pipeline):
    (tokens,) = ask(pipeline, {"inputs": TEXTS[0], "task": "tokenize"})
    ids = [token["id"] for token in tokens]
    assert ask(pipeline, {"inputs": [ids]}) == ask(pipeline, {"inputs": TEXTS[0]})


def test_the_pooler_is_the_checkpoints_own(pipeline, model):
    want = getattr(states(model, "a cat"), "pooler_output", None)
    body = {"inputs": "a cat", "task": "embedding", "pooling": "pooler"}
    if want is None:  # DistilBERT has none
        (reply,) = pipeline.answer([Row({"body": orjson.dumps(body)}, {}, "application/json")])
        assert (reply.status, b"no pooler" in reply.body) == (422, True)
    else:
        assert np.abs(np.asarray(ask(pipeline, body)) - want.numpy()).max() < 1e-5
