"""Paths that other servers' clients use, against a real server; numbers as the models' own libraries have them."""

import numpy as np
import pytest
import requests
from sentence_transformers import CrossEncoder, SentenceTransformer
from transformers import pipeline

QUERY = "Where does Ada live?"
TEXTS = ["Ada lives in London.", "It rains.", "Where?"]


def post(server, name, path, body):
    return requests.post(f"{server.url}/predictions/{name}/1.0/{path}".rstrip("/"), json=body, timeout=60)


def ask(server, name, path, body):
    answer = post(server, name, path, body)
    assert answer.status_code == 200, answer.text
    assert "x-ignored" not in answer.headers
    return answer.json()


def close(got, wanted, tolerance=2e-5):
    np.testing.assert_allclose(np.asarray(got, dtype=np.float64), wanted, atol=tolerance)
    return True


@pytest.fixture(scope="module")
def vectors(minilm):
    """Of the query and the texts, by sentence-transformers."""
    return SentenceTransformer(str(minilm), device="cpu").encode([QUERY, *TEXTS])


@pytest.fixture(scope="module")
def cosines(vectors):
    return vectors[1:] @ vectors[0]


@pytest.fixture(scope="module")
def relevances(folders):
    """Of the texts to the query, by sentence-transformers' cross-encoder."""
    return CrossEncoder(str(folders["reranker"]), device="cpu").predict([(QUERY, text) for text in TEXTS])


@pytest.fixture(scope="module")
def labelled(folders):
    """The texts' labels by transformers' pipeline."""
    return pipeline("text-classification", str(folders["classes"]), top_k=None, device="cpu")(TEXTS)


def by_index(results, score="relevance_score"):
    ranked = [item[score] for item in results]
    assert ranked == sorted(ranked, reverse=True)
    return [item[score] for item in sorted(results, key=lambda item: item["index"])]


@pytest.mark.parametrize("path", ["v1/rerank", "v2/rerank", "infinity/rerank"])
def test_rerank(many, path, relevances, cosines):
    for name, wanted in (("reranker", relevances), ("bert", cosines)):
        answer = ask(many, name, path, {"model": "m", "query": QUERY, "documents": TEXTS})
        assert close(by_index(answer["results"]), wanted)
        assert answer["usage"]["total_tokens"] > 0
        assert answer["model"] == name
        best = ask(many, name, path, {"query": QUERY, "documents": TEXTS, "top_n": 1, "return_documents": True})
        (found,) = best["results"]
        text = found["document"] if path.startswith("infinity") else found["document"]["text"]
        assert text == TEXTS[int(np.argmax(wanted))]


def test_native_rerank_stays_strict(many):
    answer = post(many, "reranker", "rerank", {"query": QUERY, "documents": TEXTS})
    assert (answer.status_code, answer.json()["error_type"]) == (422, "invalid")


@pytest.mark.parametrize("path", ["score", "v1/score"])
@pytest.mark.parametrize("names", [("text_1", "text_2"), ("queries", "documents")])
def test_score(many, path, names, relevances, cosines):
    first, second = names
    for name, wanted in (("reranker", relevances), ("bert", cosines)):
        answer = ask(many, name, path, {"model": "m", first: QUERY, second: TEXTS})
        assert (answer["object"], [item["index"] for item in answer["data"]]) == ("list", [0, 1, 2])
        assert close([item["score"] for item in answer["data"]], wanted)
        assert answer["usage"]["prompt_tokens"] == answer["usage"]["total_tokens"] > 0
        pairs = ask(many, name, path, {first: [QUERY] * 3, second: TEXTS})
        assert [item["score"] for item in pairs["data"]] == [item["score"] for item in answer["data"]]


def test_a_score_is_the_one_of_rerank_with_or_without_its_activation(many):
    for option in ({}, {"use_activation": False}):
        scores = ask(many, "reranker", "v1/score", {"text_1": QUERY, "text_2": TEXTS, **option})["data"]
        ranked = ask(many, "reranker", "v1/rerank", {"query": QUERY, "documents": TEXTS, **option})["results"]
        assert [item["score"] for item in scores] == by_index(ranked)
    raw = ask(many, "reranker", "rerank", {"query": QUERY, "texts": TEXTS, "raw_scores": True})
    assert by_index(raw, "score") == by_index(ranked)


def test_tei_by_its_base_address(many, vectors, relevances, labelled):
    assert close(ask(many, "bert", "tei", {"inputs": [QUERY, *TEXTS]}), vectors)
    assert close(by_index(ask(many, "reranker", "tei", {"query": QUERY, "texts": TEXTS}), "score"), relevances)
    found = ask(many, "classes", "tei", {"inputs": [[text] for text in TEXTS]})
    assert [[item["label"] for item in text] for text in found] == [[i["label"] for i in text] for text in labelled]


@pytest.mark.parametrize("path", ["tei/embeddings", "tei/v1/embeddings", "infinity/embeddings", "v1/embeddings"])
def test_embeddings_as_openai_has_them(many, path, vectors):
    answer = ask(many, "bert", path, {"model": "m", "input": [QUERY, *TEXTS]})
    assert close([item["embedding"] for item in answer["data"]], vectors)
    base64 = ask(many, "bert", path, {"input": QUERY, "encoding_format": "base64"})["data"][0]["embedding"]
    assert isinstance(base64, str)


def test_where_a_server_is_asked_whether_it_is_there(many):
    for path in ("tei/health", "tei/ping", "infinity/health"):
        assert requests.get(f"{many.url}/predictions/bert/1.0/{path}", timeout=60).status_code == 200
    metrics = requests.get(f"{many.url}/predictions/bert/1.0/tei/metrics", timeout=60)
    assert (metrics.status_code, "metrics port" in metrics.text) == (404, True)
    models = requests.get(f"{many.url}/predictions/classes/1.0/infinity/models", timeout=60).json()
    assert models["data"][0]["capabilities"] == ["embed", "classify"]


def test_infinitys_classes(many, labelled):
    answer = ask(many, "classes", "infinity/classify", {"input": TEXTS})
    for ours, theirs in zip(answer["data"], labelled, strict=True):
        assert [item["label"] for item in ours] == [item["label"] for item in theirs]
        assert close([item["score"] for item in ours], [item["score"] for item in theirs])
    raw = ask(many, "classes", "infinity/classify", {"input": TEXTS, "raw_scores": True})["data"]
    powers = np.exp([[item["score"] for item in text] for text in raw])
    scores = [[item["score"] for item in text] for text in answer["data"]]
    assert close(powers / powers.sum(axis=1, keepdims=True), scores)
    missing = post(many, "bert", "infinity/classify", {"input": TEXTS})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, 404)


@pytest.mark.parametrize("base", ["hf", "hf/pipeline"])
def test_hugging_faces_names(many, folders, base, vectors, cosines, relevances, labelled):
    assert close(ask(many, "bert", f"{base}/feature-extraction", {"inputs": [QUERY, *TEXTS]}), vectors)
    inputs = {"source_sentence": QUERY, "sentences": TEXTS}
    assert close(ask(many, "bert", f"{base}/sentence-similarity", {"inputs": inputs}), cosines)
    assert close(ask(many, "bert", base.partition("/")[0], {"inputs": inputs}), cosines)
    ranked = ask(many, "reranker", f"{base}/text-ranking", {"inputs": {"query": QUERY, "texts": TEXTS}})
    assert close(by_index(ranked, "score"), relevances)
    classes = ask(many, "classes", f"{base}/sentiment-analysis", {"inputs": TEXTS})
    assert [[item["label"] for item in text] for text in classes] == [[i["label"] for i in text] for text in labelled]
    theirs = pipeline("ner", str(folders["entities"]), device="cpu")(TEXTS[0])
    ours = ask(many, "entities", f"{base}/ner", {"inputs": TEXTS[0], "parameters": {"aggregation_strategy": "none"}})
    assert [(item["index"], item["entity"]) for item in ours] == [(item["index"], item["entity"]) for item in theirs]


def test_sagemaker_and_vertex(many, vectors, labelled):
    body = {"inputs": TEXTS, "parameters": {"top_k": 1}}  # what Hugging Face's toolkit for SageMaker takes
    answer = requests.post(f"{many.url}/invocations?model_name=classes", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    assert [text[0]["label"] for text in answer.json()] == [text[0]["label"] for text in labelled]
    assert requests.get(f"{many.url}/ping", timeout=60).status_code == 200
    for address in ("/predictions/bert/1.0/vertex", "/v1/models/bert:predict"):
        body = {"instances": [QUERY, *TEXTS], "parameters": {"normalize": True}}
        answer = requests.post(many.url + address, json=body, timeout=60)
        assert close(answer.json()["predictions"], vectors)
