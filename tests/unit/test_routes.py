"""Routes of other servers that are more than a task by another name; `test_foreign.py` has what all of them share."""

import orjson
import pytest

from handler import protocols
from handler.errors import UnknownTask
from handler.protocols import huggingface, vllm
from handler.tasks import TASKS
from handler.types import Row

TEXTS = ["b", "c d", "a"]


@pytest.fixture
def ask(make_pipeline):
    pipeline = make_pipeline(normalize=False)

    def ask(body, path):
        (reply,) = pipeline.answer([Row({"body": orjson.dumps(body)}, {}, "application/json", path)])
        return reply.status, orjson.loads(reply.body)

    return ask


@pytest.mark.parametrize("path", ["v1/rerank", "v2/rerank"])
def test_rerank_has_the_keys_of_cohere_jina_and_vllm(ask, path):
    status, answer = ask({"query": "b", "documents": TEXTS}, path)
    assert status == 200
    assert set(answer) == {"id", "model", "usage", "results", "meta"}
    assert (answer["model"], answer["meta"]["api_version"]) == ("bert", {"version": path[1]})
    assert answer["usage"] == {"prompt_tokens": 13, "total_tokens": 13}  # five words in four texts of two more each
    assert [TEXTS[item["index"]] for item in answer["results"]] == [
        item["document"]["text"] for item in answer["results"]
    ]
    _, bare = ask({"query": "b", "documents": TEXTS, "return_documents": False, "top_n": 0}, path)
    assert bare["results"] == [{key: item[key] for key in ("index", "relevance_score")} for item in answer["results"]]
    _, one = ask({"query": "b", "documents": "c d"}, path)
    assert [item["document"] for item in one["results"]] == [{"text": "c d"}]


def test_rerank_answers_voyage_in_its_own_form(ask):
    _, cohere = ask({"query": "b", "documents": TEXTS}, "v1/rerank")
    scores = [{key: item[key] for key in ("index", "relevance_score")} for item in cohere["results"]]
    status, answer = ask(
        {"query": "b", "documents": TEXTS, "model": "m", "top_k": None, "truncation": True, "return_documents": False},
        "v1/rerank",
    )
    assert status == 200
    assert answer == {"object": "list", "data": scores, "model": "bert", "usage": cohere["usage"]}
    _, best = ask({"query": "b", "documents": TEXTS, "top_k": 1}, "v1/rerank")
    assert best["data"] == [scores[0] | {"document": TEXTS[scores[0]["index"]]}]
    status, _ = ask({"query": "b", "documents": ["a " * 50], "truncation": False}, "v1/rerank")
    assert status == 400


@pytest.mark.parametrize(("first", "second"), vllm.SIDES)
@pytest.mark.parametrize("path", ["score", "v1/score"])
def test_score_by_each_of_its_names(ask, path, first, second):
    status, answer = ask({first: "b", second: TEXTS}, path)
    _, cosines = ask({"source": "b", "sentences": TEXTS}, "similarity")
    assert (status, answer["object"], answer["model"]) == (200, "list", "bert")
    assert answer["data"] == [
        {"index": index, "object": "score", "score": score} for index, score in enumerate(cosines)
    ]
    _, pairs = ask({first: TEXTS, second: ["a", "b", "c"]}, path)
    _, cosines = ask({"inputs": [["b", "a"], ["c d", "b"], ["a", "c"]]}, "similarity")
    assert [item["score"] for item in pairs["data"]] == cosines
    assert ask({first: ["b"], second: "c"}, path)[1]["data"] == ask({first: "b", second: ["c"]}, path)[1]["data"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, 'a side is missing; send "queries" and "documents", or '),
        ({"queries": "a", "text_2": "b"}, "a side is missing"),
        ({"text_1": ["a", "b"], "text_2": ["c"]}, "2 texts against 1; send one against any number"),
        ({"text_1": "a", "text_2": []}, "1 texts against 0"),
        ({"text_1": [], "text_2": ["a"]}, "0 texts against 1"),
    ],
)
def test_sides_that_do_not_fit(ask, body, words):
    status, answer = ask(body, "v1/score")
    assert status == 400
    assert words in answer["error"]["message"]
    assert answer["error"] | {"message": ""} == {
        "message": "", "type": "Bad Request", "param": None, "code": 400
    }  # fmt: skip


def test_tei_by_its_base_address_and_by_openais_paths(ask):
    assert ask({"inputs": TEXTS}, "tei") == ask({"inputs": TEXTS}, "tei/embed")
    _, answer = ask({"input": TEXTS}, "tei/v1/embeddings")
    assert answer == ask({"input": TEXTS}, "tei/embeddings")[1]
    assert [item["embedding"] for item in answer["data"]] == ask({"inputs": TEXTS}, "tei/embed")[1]
    status, answer = ask({"input": ""}, "tei/embeddings")
    assert (status, answer) == (400, {"message": "text 1 of 1 is empty", "code": 400, "type": "Empty"})
    assert ask({"input": "a"}, "tei/nope")[1]["error_type"] == "Validation"


def test_tei_says_where_metrics_are(ask):
    status, answer = ask({}, "tei/metrics")
    assert status == 404
    assert "/metrics of the server's metrics port" in answer["error"]


def test_infinity(ask):
    _, vectors = ask({"inputs": TEXTS}, "embedding")
    _, answer = ask({"input": TEXTS, "dimensions": 0, "modality": "text"}, "infinity/embeddings")
    assert [item["embedding"] for item in answer["data"]] == vectors
    assert answer["id"].startswith("infinity-")
    _, answer = ask({"query": "b", "documents": TEXTS, "top_n": 2}, "infinity/rerank")
    assert (answer["object"], [item["document"] for item in answer["results"]]) == ("rerank", [None, None])
    _, answer = ask({"query": "b", "documents": TEXTS, "return_documents": True}, "infinity/rerank")
    assert sorted(item["document"] for item in answer["results"]) == sorted(TEXTS)
    (model,) = ask({}, "infinity/models")[1]["data"]
    assert (model["id"], model["owned_by"], model["capabilities"]) == ("bert", "infinity", ["embed", "rerank"])
    assert ask({}, "infinity/health")[1]["unix"] > 0
    status, answer = ask({"input": "a", "modality": "image"}, "infinity/embeddings")
    assert (status, answer["error"]["code"]) == (422, 422)
    assert "modality" in answer["error"]["message"]


@pytest.mark.parametrize(("theirs", "ours"), huggingface.TASK_NAMES.items())
def test_hugging_faces_names_of_tasks(theirs, ours):
    assert theirs not in TASKS
    for path in (f"hf/{theirs}", f"hf/pipeline/{theirs}", f"hf/pipeline/{ours}"):
        body = {"inputs": "a"} if "inputs" in TASKS[ours].request.__struct_fields__ else {"query": "a", "texts": ["b"]}
        body = {"source_sentence": "a", "sentences": ["b"]} if ours == "similarity" else body
        row = Row({"body": orjson.dumps(body)}, {}, "application/json", path)
        assert protocols.find(row).decode(row, TASKS, "embedding").task is TASKS[ours]


@pytest.mark.parametrize(
    ("body", "able", "meant"),
    [
        ({"inputs": {"source_sentence": "a", "sentences": ["b"]}}, TASKS, "similarity"),
        ({"inputs": "a", "parameters": {"candidate_labels": ["b"]}}, TASKS, "zero-shot-classification"),
        ({"inputs": "a", "parameters": {"candidate_labels": ["b"]}}, {"embedding": TASKS["embedding"]}, "embedding"),
        ({"inputs": "a"}, TASKS, "embedding"),
    ],
)
def test_the_keys_of_hugging_faces_body_name_a_task(body, able, meant):
    row = Row({"body": orjson.dumps(body)}, {}, "application/json", "hf")
    assert protocols.find(row).decode(row, able, "embedding").task is TASKS[meant]


def test_a_name_that_neither_has():
    row = Row({"body": b"{}"}, {}, "application/json", "hf/pipeline/nope")
    with pytest.raises(UnknownTask, match="unknown task 'nope'"):
        protocols.find(row).decode(row, TASKS, "embedding")


def test_vertex_is_kserves_first_version(ask):
    assert ask({"instances": TEXTS}, "vertex") == ask({"instances": TEXTS}, "kserve")
    assert ask({"instances": []}, "vertex")[0] == 422
    assert ask({"instances": TEXTS}, "vertex/tei/health")[0] == 404


@pytest.mark.parametrize("path", ["tei/health", "tei/ping", "infinity/health"])
def test_health_wants_no_key_and_is_a_route(path):
    assert path in protocols.OPEN
    assert path in protocols.ROUTES
