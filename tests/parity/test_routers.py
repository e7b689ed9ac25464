"""Routers against sentence-transformers 6.2: queries by a table of weights, documents by SPLADE."""

import json
import shutil

import pytest
import torch

from scripts import smoke_test
from scripts.console import Failure
from scripts.sources import checkpoint as checkpoints
from tests.parity.sentences import TEXTS, ask, close, dense, load
from tests.parity.test_sentences import relevance

ASKED = {"encode_query": {"input_type": "query"}, "encode_document": {"input_type": "document"}, "encode": {}}
LONG = "the cat sat on a mat and hello " * 120


@pytest.fixture
def router(make, tmp_path):
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules import Router, Transformer
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding, SpladePooling

    def saved(most=None, **options):
        model = Transformer(str(make("Bert", "ForMaskedLM")), transformer_task="fill-mask")
        torch.manual_seed(1)
        weights = torch.rand(len(model.tokenizer)) * 5
        weights[::7] = 0
        routes = {
            "query": [SparseStaticEmbedding(model.tokenizer, weights)],
            "document": [model, SpladePooling("max", "log1p_relu")],
        }
        root = tmp_path / "router"
        made = SparseEncoder(modules=[Router(routes, **options)], device="cpu", max_active_dims=most)
        made.prompts = {"query": "hello ", "document": "a "}
        made.save(str(root))
        return root

    return saved


def compare(root, pipeline, methods=ASKED):
    from sentence_transformers import SparseEncoder

    texts = [*TEXTS, LONG]
    model = SparseEncoder(str(root), device="cpu")
    for method in methods:
        theirs = getattr(model, method)(texts, convert_to_sparse_tensor=False).numpy()
        ours = dense(ask(pipeline, {"inputs": texts, **ASKED[method]}), theirs.shape[1])
        assert theirs.any()
        assert close(ours, theirs), method
    assert close(*relevance(model, pipeline, "hello you", texts))


@pytest.mark.parametrize("runtime", ["native", "packed", "onnx", "torchscript", "eager"])
def test_both_sides_on_every_runtime(router, tmp_path, runtime):
    root = router(default_route="document")
    compare(root, load(root, tmp_path, runtime))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"default_route": "query", "most": 3},
        {"default_route": "query", "route_mappings": {(None, None): "document"}},
        {"route_mappings": {("query", "text"): "document", ("document", None): "query"}},
        {"default_route": "document", "route_mappings": {("query", "text"): "query", ("document", None): "document"}},
    ],
)
def test_the_route_is_chosen_as_by_the_reference(router, tmp_path, options):
    root = router(**options)
    mapped = options.get("route_mappings", {})
    if (None, None) in mapped or mapped.get(("query", "text")) == "document":  # queries need the model
        with pytest.raises(Failure, match="Router"):
            checkpoints.read(root)
        return
    compare(root, load(root, tmp_path))


def test_without_a_default_the_side_has_to_be_said(router, tmp_path):
    pipeline = load(router(allow_empty_key=False), tmp_path)
    assert "input_type" in ask(pipeline, {"inputs": "hello"}, 422)["error"]
    assert ask(pipeline, {"inputs": "hello", "input_type": "query"})
    assert ask(pipeline, smoke_test.body(ask(pipeline, {}, path="info")))  # as `start` and `upgrade` ask


@pytest.mark.parametrize("in_root", [True, False])
def test_weights_by_word_in_a_file_and_the_model_in_the_folder_itself(router, tmp_path, monkeypatch, in_root):
    """As OpenSearch lays out its models: `idf.json` has a weight for each word, special tokens among them."""
    root = router(default_route="document")
    model_into_root(root)
    (own,) = root.glob("query_0_*")
    words = json.loads((own / "tokenizer.json").read_text())["model"]["vocab"]
    weights = {word: number % 7 / 2 for word, number in words.items()} | {"no such word": 4.5}
    file = (root if in_root else own) / "idf.json"
    file.write_text(json.dumps(weights))
    (own / "config.json").write_text(json.dumps({"frozen": True, "path": str(file.relative_to(root))}))
    (own / "model.safetensors").unlink()
    monkeypatch.chdir(root)  # sentence-transformers looks for the file there
    compare(root, load(root, tmp_path))


def test_a_file_of_words_that_is_not_there(router, tmp_path):
    root = router()
    (own,) = root.glob("query_0_*")
    (own / "config.json").write_text('{"path": "idf.json"}')
    with pytest.raises(Failure, match=r"names idf\.json, which is not there") as raised:
        load(root, tmp_path)
    assert raised.value.fix == f"copy it to {own / 'idf.json'}"


def test_a_prompt_of_tei_is_a_side(router, tmp_path):
    pipeline = load(router(allow_empty_key=False), tmp_path)
    found = {}
    for side in ("query", "document"):
        native = ask(pipeline, {"inputs": TEXTS, "input_type": side})
        found[side] = ask(pipeline, {"inputs": TEXTS, "prompt_name": side}, path="tei/embed_sparse")
        assert found[side] == native
    assert found["query"] != found["document"]
    for body in ({}, {"prompt_name": None}):
        assert "prompt_name" in ask(pipeline, {"inputs": TEXTS, **body}, 422, "tei/embed_sparse")["error"]
    for name in ("passage", ""):
        error = ask(pipeline, {"inputs": TEXTS, "prompt_name": name}, 422, "tei/embed_sparse")["error"]
        assert "query" in error
        assert "document" in error


def model_into_root(root):
    """The document's model in the folder of the router itself, under an empty name."""
    file = root / "router_config.json"
    said = json.loads(file.read_text())
    model = said["structure"]["document"][0]
    for each in (root / model).iterdir():
        shutil.move(each, root / each.name)
    text = json.dumps({**said, "structure": {**said["structure"], "document": ["", said["structure"]["document"][1]]}})
    changed = json.loads(text)
    changed["types"][""] = changed["types"].pop(model)
    file.write_text(json.dumps(changed))


def test_another_tokenizer_for_queries_is_refused(router, tmp_path):
    root = router()
    (own,) = root.glob("query_0_*")
    words = json.loads((own / "tokenizer.json").read_text())
    words["normalizer"] = {"type": "Lowercase"}
    (own / "tokenizer.json").write_text(json.dumps(words))
    (own / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    with pytest.raises(Failure, match="another tokenizer"):
        load(root, tmp_path)
