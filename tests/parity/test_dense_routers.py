"""Routers against sentence-transformers 6.2: queries and documents with layers of their own behind one encoder."""

import pytest
import torch

from scripts.console import Failure
from scripts.sources import checkpoint as checkpoints
from tests.parity.sentences import TEXTS, ask, close, load
from tests.parity.test_sentences import relevance


@pytest.fixture
def parts(make, tokenizer):
    """Modules by a letter, each made once: two equal letters are one module of both routes."""
    from sentence_transformers.sentence_transformer import modules

    torch.manual_seed(2)
    return {
        "T": modules.Transformer(str(make("Bert", "Model"))),
        "U": modules.Transformer(str(make("Bert", "Model"))),
        "E": modules.StaticEmbedding(tokenizer.backend_tokenizer, embedding_weights=torch.randn(len(tokenizer), 32)),
        "P": modules.Pooling(32, "mean"),
        "C": modules.Pooling(32, "cls"),
        "A": modules.Dense(32, 24),
        "B": modules.Dense(32, 24, activation_function=torch.nn.Identity()),
        "S": modules.Dense(32, 32),
        "L": modules.LayerNorm(32),
        "N": modules.Normalize(),
    }


@pytest.fixture
def router(parts, tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Router

    def saved(query, document, before="", after="", **options):
        sides = {"query": [*map(parts.get, query)], "document": [*map(parts.get, document)]}
        chain = [*map(parts.get, before), Router(sides, **options), *map(parts.get, after)]
        made = SentenceTransformer(modules=chain, device="cpu", prompts={"query": "hello ", "document": "a "})
        made.save(str(tmp_path / "router"))
        return tmp_path / "router"

    return saved


ASKED = {"encode_query": {"input_type": "query"}, "encode_document": {"input_type": "document"}, "encode": {}}


def compare(root, pipeline):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(root), device="cpu")
    found = {method: ask(pipeline, {"inputs": TEXTS, **body}) for method, body in ASKED.items()}
    assert all(close(ours, getattr(model, method)(TEXTS)) for method, ours in found.items())
    assert close(*relevance(model, pipeline, "hello you", TEXTS))
    return found


@pytest.mark.parametrize("runtime", ["native", "packed", "onnx", "torchscript", "eager"])
def test_layers_of_their_own_on_every_runtime(router, tmp_path, runtime):
    root = router("TPA", "TPB", after="N", default_route="document")
    found = compare(root, load(root, tmp_path, runtime))
    assert found["encode_query"] != found["encode_document"]


@pytest.mark.parametrize(
    ("routes", "options"),
    [
        (("A", "B", "TP"), {"default_route": "query"}),
        (("S", "SN", "TP"), None),
        (("S", "S", "TP", "N"), {}),
        (("TPS", "TP"), {"default_route": "document"}),
        (("TP", "TPLS"), {}),
        (("TPN", "TPN"), {}),
        (("EA", "EB"), {"default_route": "document"}),
        (("TCAN", "TCBN"), {"default_route": "query", "route_mappings": {(None, "text"): "document"}}),
    ],
)
def test_chains(router, tmp_path, routes, options):
    if options is None:
        with pytest.raises(Failure, match="one side has a module Normalize"):
            checkpoints.read(router(*routes))
        return
    root = router(*routes, **options)
    compare(root, load(root, tmp_path, "static" if "E" in routes[0] else "packed"))


@pytest.mark.parametrize(
    ("query", "document", "options", "words"),
    [
        (
            "UP",
            "TP",
            {},
            "queries have the encoder in query_0_Transformer, documents the one in document_0_Transformer",
        ),
        (
            "E",
            "TP",
            {},
            "queries have the encoder in query_0_StaticEmbedding, documents the one in document_0_Transformer",
        ),
        ("TP", "TC", {}, "queries are pooled by mean, and documents by cls"),
        ("TPS", "TPS", {"allow_empty_key": False}, "set default_route in its file"),
    ],
)
def test_routes_that_do_not_fit_one_archive(router, query, document, options, words):
    with pytest.raises(Failure, match="Router, which are not served") as raised:
        checkpoints.read(router(query, document, **options))
    assert words in raised.value.what


def test_sides_of_other_widths(router, tmp_path):
    with pytest.raises(Failure, match="vectors of queries have 24 dimensions, and those of documents 32"):
        load(router("TPA", "TPS"), tmp_path)


def test_sides_in_teis_and_coheres_words_and_of_chunks(router, tmp_path):
    pipeline = load(router("TPA", "TPB", default_route="document"), tmp_path)
    for side, cohere in (("query", "search_query"), ("document", "search_document")):
        want = ask(pipeline, {"inputs": TEXTS, "input_type": side, "normalize": True})
        assert ask(pipeline, {"inputs": TEXTS, "prompt_name": side}, path="tei/embed") == want
        raw = ask(pipeline, {"inputs": TEXTS, "input_type": side})
        body = {"texts": TEXTS, "input_type": cohere, "model": "s", "embedding_types": ["float"]}
        assert close(ask(pipeline, body, path="v2/embed")["embeddings"]["float"], raw)
        ((chunk,),) = ask(pipeline, {"task": "chunk-embedding", "inputs": TEXTS[:1], "input_type": side})
        assert close(chunk["embedding"], raw[0])


@pytest.mark.parametrize(("side", "layer"), [("query", "A"), ("document", "B"), (None, "A")])
def test_late_chunks_go_through_the_layers_of_their_side(router, parts, tmp_path, side, layer):
    pipeline = load(router("TPA", "TPB", default_route="query"), tmp_path)
    asked = {"task": "chunk-embedding", "inputs": TEXTS[0], "input_type": side, "late_chunking": True}
    ((chunk,),) = ask(pipeline, asked)
    prompt = {"query": "hello ", "document": "a ", None: ""}[side]
    (states,) = ask(pipeline, {"task": "hidden-states", "inputs": prompt + TEXTS[0]})
    mean = torch.tensor(states)[len(prompt.split()) + 1 : -1].mean(0)
    assert close(chunk["embedding"], parts[layer]({"sentence_embedding": mean})["sentence_embedding"].detach().numpy())
