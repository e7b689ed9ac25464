"""Folders of sentence-transformers against that library: pooling, dense layers, scaling, prompts, lower case."""

import json
import shutil

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import cos_sim

from tests import folders
from tests.parity.sentences import TEXTS, ask, close, load


@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"])
def test_every_pooling(tiny, tmp_path, pooling):
    folder = folders.sentences(tiny, tmp_path / "s", pooling)
    vectors = ask(load(folder, tmp_path), {"inputs": TEXTS})
    assert close(vectors, SentenceTransformer(str(folder), device="cpu").encode(TEXTS))


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")  # of theirs, whose Softmax names none
@pytest.mark.parametrize("runtime", ["native", "packed", "onnx", "torchscript", "eager"])
@pytest.mark.parametrize("dense", [("Tanh",), ("ReLU", "Identity", "GELU"), ("Sigmoid", "SiLU", "Softmax")])
def test_dense_layers(tiny, tmp_path, dense, runtime):
    folder = folders.sentences(tiny, tmp_path / "s", dense=dense, normalize=len(dense) > 1)
    theirs = SentenceTransformer(str(folder), device="cpu")
    pipeline = load(folder, tmp_path, runtime)
    vectors = theirs.encode(TEXTS)
    assert close(ask(pipeline, {"inputs": TEXTS}), vectors)
    assert vectors.shape[1] == 32 - 7 * len(dense) == ask(pipeline, {}, path="info")["dimensions"]
    cosines = ask(pipeline, {"source": TEXTS[0], "sentences": TEXTS[1:]}, path="similarity")
    assert close(cosines, cos_sim(vectors[0], vectors[1:])[0].numpy())
    assert len(ask(pipeline, {"inputs": "hello", "dimensions": 5})[0]) == 5
    refused = ask(pipeline, {"inputs": "hello", "dimensions": 32}, 422)
    assert f"the model has {vectors.shape[1]}" in refused["error"]


def test_dense_weights_in_a_pickle(tiny, tmp_path):
    import torch
    from safetensors.torch import load_file

    folder = folders.sentences(tiny, tmp_path / "s", dense=("Tanh",))
    vectors = SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
    torch.save(load_file(folder / "2_Dense" / "model.safetensors"), folder / "2_Dense" / "pytorch_model.bin")
    (folder / "2_Dense" / "model.safetensors").unlink()
    assert close(ask(load(folder, tmp_path), {"inputs": TEXTS}), vectors)


QUERY, DOCUMENT, PASSAGE = {"query": "hello "}, {"document": "a mat "}, {"passage": "a cat "}


@pytest.mark.parametrize(
    ("prompts", "default"),
    [
        ({}, None),
        ({}, "document"),
        (QUERY, None),
        (QUERY | PASSAGE, None),
        (QUERY | PASSAGE, "query"),
        (QUERY | PASSAGE, "passage"),
        (QUERY | DOCUMENT, None),
        (QUERY | DOCUMENT | PASSAGE, "query"),
        ({"query": "", **PASSAGE}, "passage"),
        ({"query": None, "corpus": "on "}, None),
    ],
)
def test_prompts(tiny, tmp_path, prompts, default):
    folder = folders.sentences(tiny, tmp_path / "s")
    file = folder / "config_sentence_transformers.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"prompts": prompts, "default_prompt_name": default}))
    theirs = SentenceTransformer(str(folder), device="cpu")
    pipeline = load(folder, tmp_path)
    assert close(ask(pipeline, {"inputs": TEXTS}), theirs.encode(TEXTS))
    for name, prompt in theirs.prompts.items():
        assert close(ask(pipeline, {"inputs": TEXTS, "prompt_name": name}), theirs.encode(TEXTS, prompt_name=name))
        assert close(ask(pipeline, {"inputs": TEXTS, "prompt": prompt}), theirs.encode(TEXTS, prompt=prompt))
    assert close(ask(pipeline, {"inputs": TEXTS, "prompt": ""}), theirs.encode(TEXTS, prompt=""))
    queries, documents = theirs.encode_query(TEXTS), theirs.encode_document(TEXTS)
    assert close(ask(pipeline, {"inputs": TEXTS, "input_type": "query"}), queries)
    assert close(ask(pipeline, {"inputs": TEXTS, "input_type": "document"}), documents)
    ranked = ask(pipeline, {"query": TEXTS[0], "texts": TEXTS}, path="rerank")
    scores = {item["index"]: item["score"] for item in ranked}
    expected = cos_sim(queries[0], documents)[0].numpy()
    assert close([scores[number] for number in range(len(TEXTS))], expected)


def test_prompts_over_other_protocols(tiny, tmp_path):
    folder = folders.sentences(tiny, tmp_path / "s", prompts=folders.PROMPTS)
    theirs = SentenceTransformer(str(folder), device="cpu")
    pipeline = load(folder, tmp_path)
    query = theirs.encode(TEXTS, prompt_name="query")
    body = {"texts": TEXTS, "model": "s", "input_type": "search_query"}
    assert close(ask(pipeline, body, path="v2/embed")["embeddings"]["float"], query)
    body = {"inputs": TEXTS, "prompt_name": "query", "normalize": False}
    assert close(ask(pipeline, body, path="tei/embed"), query)
    assert close(ask(pipeline, {"inputs": TEXTS, "parameters": {"prompt_name": "query"}}, path="hf/embedding"), query)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"prompt_name": "passge"}, "did you mean 'passage'"),
        ({"prompt_name": "query", "prompt": "x"}, "'prompt' and 'prompt_name' name more than one prompt"),
        ({"input_type": "image"}, "input_type"),
        ({"prompt_name": "query", "inputs": [[2, 5, 3]]}, "put its ids before yours"),
        ({"prompt_name": "query", "inputs": ["a", ""]}, "text 2 of 2 is empty"),
        ({"prompt_name": "query", "inputs": ["a", " "]}, "text 2 of 2 is empty"),
    ],
)
def test_wrong_prompts(tiny, tmp_path, wrong, words):
    folder = folders.sentences(tiny, tmp_path / "s", prompts=folders.PROMPTS)
    assert words in ask(load(folder, tmp_path), {"inputs": "hello", **wrong}, 422)["error"]


def test_texts_are_lower_cased_where_the_tokenizer_keeps_case(tiny, tmp_path):
    cased = shutil.copytree(tiny, tmp_path / "cased")
    content = json.loads((cased / "tokenizer.json").read_text())
    content["normalizer"]["lowercase"] = False
    (cased / "tokenizer.json").write_text(json.dumps(content))
    settings = json.loads((cased / "tokenizer_config.json").read_text())
    (cased / "tokenizer_config.json").write_text(json.dumps(settings | {"do_lower_case": False}))
    folder = folders.sentences(cased, tmp_path / "s")
    upper = [text.upper() for text in TEXTS]
    kept = ask(load(folder, tmp_path / "kept"), {"inputs": upper})
    assert close(kept, SentenceTransformer(str(folder), device="cpu").encode(upper))
    file = folder / "sentence_bert_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"do_lower_case": True}))
    lowered = ask(load(folder, tmp_path / "lowered"), {"inputs": upper})
    assert close(lowered, SentenceTransformer(str(folder), device="cpu").encode(upper))
    assert np.abs(np.asarray(kept) - lowered).max() > 1e-2


@pytest.mark.parametrize("normalize", [False, True])
def test_dimensions_that_the_folder_keeps(tiny, tmp_path, normalize):
    folder = folders.sentences(tiny, tmp_path / "s", truncate_dim=8, normalize=normalize)
    theirs = SentenceTransformer(str(folder), device="cpu")
    pipeline, vectors = load(folder, tmp_path), theirs.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 8)
    assert close(ask(pipeline, {"inputs": TEXTS}), vectors)
    cosines = ask(pipeline, {"source": TEXTS[0], "sentences": TEXTS[1:]}, path="similarity")
    assert close(cosines, cos_sim(vectors[0], vectors[1:])[0].numpy())
    assert ask(pipeline, {}, path="info")["dimensions"] == 8
    assert len(ask(pipeline, {"inputs": "hello", "dimensions": 32})[0]) == 32


@pytest.mark.parametrize("settings", [{"do_lower_case": False}, {"do_lower_case": False, "strip_accents": True}])
def test_case_of_the_tokenizers_configuration(tiny, tmp_path, settings):
    cased = shutil.copytree(tiny, tmp_path / "cased")
    file = cased / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    folder = folders.sentences(tiny, tmp_path / "s")
    shutil.copy(file, folder / "tokenizer_config.json")
    texts = [*TEXTS, "HELLO HOW é É"]
    ours = ask(load(folder, tmp_path / "changed"), {"inputs": texts})
    assert close(ours, SentenceTransformer(str(folder), device="cpu").encode(texts))
    before = ask(load(folders.sentences(tiny, tmp_path / "t"), tmp_path / "before"), {"inputs": texts})
    assert np.abs(np.asarray(ours) - before).max() > 1e-2


def test_the_end_that_the_tokenizer_cuts(tiny, tmp_path):
    folder = folders.sentences(tiny, tmp_path / "s")
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"truncation_side": "left"}))
    texts = ["hello how are you? " * 3 + "a cat sat on a mat " * 9]
    ours = ask(load(folder, tmp_path), {"inputs": texts})
    assert close(ours, SentenceTransformer(str(folder), device="cpu").encode(texts))


def test_prompts_that_are_null(tiny, tmp_path):
    folder = folders.sentences(tiny, tmp_path / "s", prompts=folders.PROMPTS)
    file = folder / "config_sentence_transformers.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"prompts": {"query": None, "passage": "a "}}))
    assert ask(load(folder, tmp_path), {}, path="info")["prompts"] == {"query": "", "passage": "a "}


def test_the_layout_of_older_versions(tiny, tmp_path):
    folder = folders.sentences(tiny, tmp_path / "s", "max", ("Tanh",))
    vectors = SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
    pipeline = load(folders.old_layout(folder), tmp_path)
    assert close(ask(pipeline, {"inputs": TEXTS}), vectors)
    assert "0_Transformer/model.safetensors" in ask(pipeline, {}, path="info")["origin"]["files"]


def test_normalisations_among_dense_layers(tiny, tmp_path):
    import torch
    from sentence_transformers.sentence_transformer.modules import Dense, LayerNorm, Pooling, Transformer

    torch.manual_seed(0)
    norms = [LayerNorm(32), LayerNorm(24)]
    for each in norms:
        torch.nn.init.normal_(each.norm.weight)
        torch.nn.init.normal_(each.norm.bias)
    modules = [Transformer(str(tiny)), Pooling(32, "mean"), norms[0], Dense(32, 24), norms[1]]
    SentenceTransformer(modules=modules, device="cpu").save(str(tmp_path / "s"))
    pipeline = load(tmp_path / "s", tmp_path)
    assert close(ask(pipeline, {"inputs": TEXTS}), SentenceTransformer(str(tmp_path / "s"), device="cpu").encode(TEXTS))
    assert ask(pipeline, {}, path="info")["dimensions"] == 24


@pytest.mark.parametrize("runtime", ["native", "packed", "onnx", "torchscript", "eager"])
@pytest.mark.parametrize(
    ("pooling", "activation", "most"), [("max", "log1p_relu", None), ("sum", "relu", None), ("sum", "log1p_relu", 7)]
)
def test_splade(make, tmp_path, runtime, pooling, activation, most):
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sparse_encoder.modules import SpladePooling

    model = Transformer(str(make("Bert", "ForMaskedLM")), transformer_task="fill-mask")
    modules = [model, SpladePooling(pooling, activation)]
    SparseEncoder(modules=modules, device="cpu", max_active_dims=most).save(str(tmp_path / "s"))
    model, pipeline = SparseEncoder(str(tmp_path / "s"), device="cpu"), load(tmp_path / "s", tmp_path, runtime)
    theirs = model.encode(TEXTS, convert_to_sparse_tensor=False).numpy()
    found = np.zeros_like(theirs)
    for row, text in zip(found, ask(pipeline, {"inputs": TEXTS}), strict=True):
        row[[item["index"] for item in text]] = [item["value"] for item in text]
    assert close(found / max(1, theirs.max()), theirs / max(1, theirs.max()))
    assert close(*relevance(model, pipeline, TEXTS[0], TEXTS[1:]))


def relevance(model, pipeline, query, texts):
    """Ours and theirs, of 1 or the largest of theirs."""
    theirs = model.similarity(model.encode_query([query]), model.encode_document(texts))[0].numpy()
    ranked = ask(pipeline, {"query": query, "texts": texts}, path="rerank")
    assert [item["score"] for item in ranked] == sorted((item["score"] for item in ranked), reverse=True)
    ours = np.array([item["score"] for item in sorted(ranked, key=lambda item: item["index"])])
    return ours / max(1, theirs.max()), theirs / max(1, theirs.max())
