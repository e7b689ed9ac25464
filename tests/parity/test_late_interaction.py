"""A vector per token against sentence-transformers' `MultiVectorEncoder`, which loads folders of all three kinds."""

import string
from base64 import b64decode
from io import BytesIO

import numpy as np
import orjson
import pytest
import torch
from sentence_transformers import MultiVectorEncoder

from handler import loading
from handler.output_cache import OutputCache
from handler.tasks.embedding import binary, int8
from handler.types import Row
from scripts.console import Failure
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from tests import heads, late_interaction
from tests.asking import ask

TEXTS = ["Where does Ada live?", "Ada, isn't it: lives in London!", "naïve café 🙂 [unused0]", "long text, " * 30]
PUNCTUATION = list(string.punctuation)
FIXED = {"strategy": "fixed", "length": 12}
DEEP = [((32, 32), True, torch.nn.GELU(), True), ((32, 16), False, torch.nn.Identity(), True)]
FOLDERS = {
    "lengths": (late_interaction.saved, {"query_length": 9, "document_length": 20, "skiplist": PUNCTUATION}),
    "fixed": (late_interaction.saved, {"query_expansion": FIXED, "prompts": {"query": "ask: ", "document": "of: "}}),
    "least": (
        late_interaction.saved,
        {"query_expansion": FIXED | {"strategy": "min", "token": "[unused5]"}, "normalize": False},
    ),
    "deep": (late_interaction.saved, {"dense": DEEP, "similarity_fn_name": "meanmaxsim"}),
    "none": (late_interaction.saved, {"dense": []}),
    "pylate": (late_interaction.pylate, {}),
    "pylate, unexpanded": (late_interaction.pylate, {"do_query_expansion": False, "skiplist_words": ["!"]}),
    "pylate, prompts": (late_interaction.pylate, {"prompts": {"query": "ask: "}, "attend_to_expansion_tokens": True}),
    "stanford": (late_interaction.stanford, {}),
    "stanford, metadata": (
        late_interaction.stanford,
        {"query_maxlen": 14, "doc_maxlen": 21, "attend_to_mask_tokens": True, "mask_punctuation": False},
    ),
}
FAMILIES = ("Bert", "MPNet", "ModernBert", "DebertaV2")
RUNTIMES = {"fixed": ("native", "onnx", "eager"), "lengths": ("packed as on a GPU",)}


@pytest.fixture(scope="module")
def bases(tokenizer, tmp_path_factory):
    here = tmp_path_factory.mktemp("bases")
    return {family: heads.save(here / family, family, "Model", tokenizer) for family in FAMILIES}


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    def loaded(folder, name="native"):
        checkpoint, archive = checkpoints.read(folder), tmp_path_factory.mktemp("archive")
        config = packer.configure(checkpoint, {"handler": {"runtime": name.split()[0], "threads": 1}})
        packer.stage(checkpoint, archive, name.split()[0])
        kept = ("task", "max_length", "prompts", "runtime", "threads")
        settings = {"handler": {key: getattr(config.handler, key) for key in kept}}
        pipeline = loading.load(archive, "bert", "1.0", settings, None, lambda *_: None)
        if " " in name:
            pipeline.runtime.outputs_on_device, pipeline.portion, pipeline.cache = True, 40, OutputCache(0)
        return pipeline

    return loaded


def check(ours, theirs, texts=TEXTS):
    for side, encode in (("query", theirs.encode_query), ("document", theirs.encode_document)):
        expected = encode(texts, convert_to_numpy=True)
        found = ask(ours, {"inputs": texts, "input_type": side})
        assert [np.shape(each) for each in found] == [each.shape for each in expected], side
        for one, other in zip(found, expected, strict=True):
            assert np.abs(np.asarray(one) - other).max() < 1e-5
    query, documents = theirs.encode_query(texts[:1]), theirs.encode_document(texts)
    scores = theirs.similarity(query, documents)[0].tolist()
    ranked = ask(ours, {"task": "rerank", "query": texts[0], "texts": texts})
    assert {item["index"]: item["score"] for item in ranked} == pytest.approx(dict(enumerate(scores)), abs=1e-4)
    assert [item["score"] for item in ranked] == sorted((item["score"] for item in ranked), reverse=True)


@pytest.mark.parametrize(
    ("name", "runtime"), [(name, runtime) for name in FOLDERS for runtime in RUNTIMES.get(name, ("packed",))]
)
def test_vectors_and_scores(bases, load, tmp_path, name, runtime):
    make, options = FOLDERS[name]
    folder = make(bases["Bert"], tmp_path / "model", **options)
    check(load(folder, runtime), MultiVectorEncoder(str(folder), device="cpu"))


@pytest.mark.parametrize("family", ["MPNet", "ModernBert"])
def test_masks_of_queries_beside_biases_and_windows_of_attention(bases, load, tmp_path, family):
    folder = late_interaction.saved(bases[family], tmp_path / "model", query_expansion=FIXED)
    check(load(folder, "packed"), MultiVectorEncoder(str(folder), device="cpu"))


@pytest.fixture(scope="module")
def colbert(bases, load, tmp_path_factory):
    return load(late_interaction.stanford(bases["Bert"], tmp_path_factory.mktemp("colbert") / "model"), "packed")


def test_forms_of_the_answer(colbert):
    vectors = [np.asarray(each, dtype=np.float32) for each in ask(colbert, {"inputs": TEXTS})]
    encoded = ask(colbert, {"inputs": TEXTS, "encoding_format": "base64"})
    for one, other in zip(encoded, vectors, strict=True):
        assert [np.frombuffer(b64decode(vector), "<f4").tolist() for vector in one] == other.tolist()
    for form, make in (("int8", int8), ("binary", binary)):
        found = ask(colbert, {"inputs": TEXTS, "encoding_format": form})
        assert found == [make(each).tolist() for each in vectors]
    for form, dtype in (("float", np.float32), ("int8", np.int8)):
        body = orjson.dumps({"inputs": TEXTS, "encoding_format": form})
        (reply,) = colbert.answer([Row({"body": body}, {"accept": "application/x-npy"}, "application/json")])
        rows = np.load(BytesIO(reply.body))
        assert rows.dtype == dtype
        assert reply.headers["x-lengths"] == ",".join(str(len(each)) for each in vectors)
        assert rows.tolist() == np.concatenate([int8(v) if form == "int8" else v for v in vectors]).tolist()


def test_windows_of_a_document_are_one_text(colbert):
    (cut,), (whole,) = (ask(colbert, {"inputs": TEXTS[3:], "truncation": how}) for how in ("right", "windows"))
    tokens = ask(colbert, {"task": "tokenize", "inputs": "[unused1] " + TEXTS[3]})[0]
    assert len(cut) < len(whole) == sum(token["text"] not in PUNCTUATION for token in tokens)


def test_the_same_text_as_query_and_document(colbert):
    assert ask(colbert, {"task": "rerank", "query": "Ada", "texts": ["Ada"]})[0]["score"] > 0
    query, document = (ask(colbert, {"inputs": "Ada", "input_type": side})[0] for side in ("query", "document"))
    assert len(query) == 32 > len(document)


def test_what_is_refused(bases, colbert, load, tmp_path):
    assert "shorten it" in ask(colbert, {"inputs": TEXTS[3], "truncation": "error"}, status=413)["error"]
    folder = late_interaction.saved(bases["Bert"], tmp_path / "model", query_expansion=FIXED)
    with pytest.raises(Failure, match="in int8 this is not served"):
        packer.stage(checkpoints.read(folder), tmp_path / "archive", "packed", "int8")
    folder = late_interaction.saved(bases["DebertaV2"], tmp_path / "deberta", query_expansion=FIXED)
    with pytest.raises(Failure, match="a hidden token see no other either"):
        packer.stage(checkpoints.read(folder), tmp_path / "other", "packed")
    plain = load(bases["Bert"], "packed")
    assert "no projection of token states" in ask(plain, {"inputs": "a", "task": "multi-vector"}, status=404)["error"]
