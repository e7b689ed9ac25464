"""Routers against sentence-transformers 6.2: queries by a table of weights, documents by SPLADE."""

import json
import shutil

import numpy as np
import pytest
import torch

from scripts.console import Failure
from scripts.sources import checkpoint as checkpoints
from tests.parity.sentences import TEXTS, ask, close, load
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


def dense(answer, width):
    found = np.zeros((len(answer), width), dtype=np.float32)
    for row, text in zip(found, answer, strict=True):
        row[[item["index"] for item in text]] = [item["value"] for item in text]
    return found


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


def test_the_model_in_the_folder_itself_and_weights_by_word(router, tmp_path):
    """As the folders of OpenSearch's models are laid out."""
    root = router(default_route="document")
    file = root / "router_config.json"
    said = json.loads(file.read_text())
    model = said["structure"]["document"][0]
    for each in (root / model).iterdir():
        shutil.move(each, root / each.name)
    text = json.dumps({**said, "structure": {**said["structure"], "document": ["", said["structure"]["document"][1]]}})
    changed = json.loads(text)
    changed["types"][""] = changed["types"].pop(model)
    file.write_text(json.dumps(changed))
    compare(root, load(root, tmp_path))


def test_another_tokenizer_for_queries_is_refused(router, tmp_path):
    root = router()
    (own,) = root.glob("query_0_*")
    words = json.loads((own / "tokenizer.json").read_text())
    words["normalizer"] = {"type": "Lowercase"}
    (own / "tokenizer.json").write_text(json.dumps(words))
    (own / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    with pytest.raises(Failure, match="another tokenizer"):
        load(root, tmp_path)
