"""The whole flow on a runtime whose numbers can be worked out by hand."""

import base64
import logging

import numpy as np
import orjson
import pytest

from handler.telemetry import STAGES
from handler.types import Row

CLS, SEP = 2, 3


def row(body, path=""):
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return Row({"body": bytearray(raw)}, {}, "application/json", path)


def ask(pipeline, body, path=""):
    (reply,) = pipeline.answer([row(body, path)])
    return reply.status, orjson.loads(reply.body)


@pytest.fixture
def pipeline(make_pipeline):
    return make_pipeline()


@pytest.fixture
def ids(pipeline):
    return {letter: pipeline.tokenizer.backend.token_to_id(letter) for letter in "abcdefghijklmnopqrstuvwxyz"}


def test_one_text_is_a_list_of_one(pipeline, ids):
    mean = (CLS + ids["b"] + SEP) / 3
    assert ask(pipeline, {"inputs": "b"}) == (200, [[pytest.approx(mean), pytest.approx(mean)]])
    assert ask(pipeline, {"text": "b"}) == ask(pipeline, {"inputs": ["b"]})


@pytest.mark.parametrize(
    ("options", "vector"),
    [
        ({"pooling": "cls"}, lambda ids: [CLS] * 2),
        ({"pooling": "max"}, lambda ids: [max(ids["b"], ids["c"])] * 2),
        ({"pooling": "pooler"}, lambda ids: [SEP] * 2),
        ({"pooling": "cls", "dimensions": 1}, lambda ids: [CLS]),
        ({"normalize": True}, lambda ids: [0.5**0.5] * 2),
        ({"dimensions": 1, "normalize": True}, lambda ids: [1]),
        ({"encoding_format": "int8"}, lambda ids: [127, 127]),
        ({"encoding_format": "binary"}, lambda ids: [0b11000000 - 128]),
    ],
)
def test_embedding_options(pipeline, ids, options, vector):
    status, answer = ask(pipeline, {"inputs": "b c", **options})
    assert (status, answer) == (200, [pytest.approx(vector(ids))])


def test_base64_is_little_endian_float32(pipeline):
    _, (text,) = ask(pipeline, {"inputs": "b", "pooling": "cls", "encoding_format": "base64"})
    assert np.frombuffer(base64.b64decode(text), "<f4").tolist() == [CLS, CLS]


def test_hidden_states_are_those_of_every_token(pipeline, ids):
    status, answer = ask(pipeline, {"inputs": ["b", "c d"], "task": "hidden-states"})
    assert status == 200
    assert answer == [[[n, n] for n in (CLS, ids["b"], SEP)], [[n, n] for n in (CLS, ids["c"], ids["d"], SEP)]]


def test_similarity_is_a_cosine(pipeline):
    status, answer = ask(pipeline, {"source": "b", "sentences": ["c", "d"]}, "similarity")
    assert (status, answer) == (200, [pytest.approx(1), pytest.approx(1)])  # all vectors point one way here
    assert ask(pipeline, {"inputs": [["b", "c"]]}, "similarity") == (200, [pytest.approx(1)])


def test_tokenize_shows_all_tokens_of_a_text_longer_than_the_model(pipeline, ids):
    status, (tokens,) = ask(pipeline, {"inputs": "b " * 30}, "tokenize")
    assert status == 200
    assert len(tokens) == 32
    assert tokens[0] == {"id": CLS, "text": "[CLS]", "special": True, "start": None, "stop": None}
    assert tokens[2] == {"id": ids["b"], "text": "b", "special": False, "start": 2, "stop": 3}


def test_windows_weigh_by_tokens(pipeline, ids):
    text = " ".join("bcdefghijklm")  # 12 letters: windows of 10 and 2, each with CLS and SEP
    first, second = [CLS, *(ids[x] for x in "bcdefghijk"), SEP], [CLS, ids["l"], ids["m"], SEP]
    _, answer = ask(pipeline, {"inputs": text, "truncation": "windows"})
    assert answer[0][0] == pytest.approx(sum(first + second) / 16)
    _, answer = ask(pipeline, {"inputs": text, "truncation": "windows", "task": "hidden-states"})
    assert [state[0] for state in answer[0]] == [CLS, *(ids[x] for x in "bcdefghijklm"), SEP]


def test_a_truncated_text_is_counted_in_a_header(pipeline):
    long = "b " * 30
    for policy, truncated in (("right", "1"), ("left", "1"), ("windows", "0")):
        (reply,) = pipeline.answer([row({"inputs": ["b", long], "truncation": policy})])
        assert reply.headers["x-truncated"] == truncated


def test_headers_carry_every_stage(pipeline):
    (reply,) = pipeline.answer([row({"inputs": "b"})])
    assert {f"x-{stage}-time" for stage in STAGES} <= reply.headers.keys()
    assert reply.headers["x-tokens"] == "3"


BAD = [
    (b"{", 400, "undecodable"),
    (b'{"inputs": "\xff"}', 400, "undecodable"),
    ({"inputs": ""}, 422, "invalid"),
    ({"inputs": []}, 422, "invalid"),
    ({"inputs": [None]}, 422, "invalid"),
    ({"inputs": 7}, 422, "invalid"),
    ({}, 422, "invalid"),
    ({"inputs": "b", "text": "b"}, 422, "invalid"),
    ({"inputs": "b", "task": 3}, 422, "invalid"),
    ({"inputs": "b", "normalise": True}, 422, "invalid"),
    ({"inputs": "b", "dimensions": 3}, 422, "invalid"),
    ({"inputs": "b", "dimensions": True}, 422, "invalid"),
    ({"inputs": "b", "truncation": "middle"}, 422, "invalid"),
    ({"inputs": "b " * 30, "truncation": "error"}, 413, "too_large"),
    ({"inputs": ["b"] * 2049}, 413, "too_large"),
    ({"inputs": ["b" * 1_000_001] * 2}, 413, "too_large"),
    ({"inputs": [[1, 99999]]}, 422, "invalid"),
    ({"source": "b", "task": "similarity"}, 422, "invalid"),
    ({"inputs": "b", "task": "embeding"}, 404, "unknown_task"),
    ({"inputs": "b", "task": "fill-mask"}, 404, "unknown_task"),
]


@pytest.mark.parametrize(("body", "status", "kind"), BAD)
def test_a_bad_row_gets_its_own_error(pipeline, body, status, kind):
    got, answer = ask(pipeline, body)
    assert (got, answer["error_type"]) == (status, kind)
    assert answer["error"]


def test_bad_rows_change_nothing_for_good_ones(pipeline):
    good = [{"inputs": f"b {'c ' * n}"} for n in range(len(BAD))]
    alone = [pipeline.answer([row(body)])[0].body for body in good]
    rows = [row(body) for pair in zip(good, (bad[0] for bad in BAD), strict=True) for body in pair]
    replies = pipeline.answer(rows)
    assert [reply.body for reply in replies[::2]] == alone
    assert [reply.status for reply in replies[1::2]] == [bad[1] for bad in BAD]


def test_a_task_that_the_archive_cannot_do_is_not_called_unknown(pipeline):
    _, answer = ask(pipeline, {"inputs": "b", "task": "text-classification"})
    words = "this archive has no head for text-classification; it can do: chunk-embedding, decode, embedding,"
    assert answer["error"].startswith(words)
    _, answer = ask(pipeline, {"inputs": "b", "task": "explanations"})
    assert answer["error"].startswith("this archive has no float32 weights (families that run on native, ")
    _, answer = ask(pipeline, {"inputs": "b", "task": "embeding"})
    assert answer["error"].startswith("unknown task 'embeding'; did you mean 'embedding'? Known: ")


def test_errors_name_the_key_and_what_it_is_for(pipeline):
    _, answer = ask(pipeline, {"inputs": "b", "pooling": "meen"})
    assert answer["error"] == (
        "Invalid enum value 'meen' - at `pooling`; 'pooling' is: pooling method: mean, cls, max, pooler, "
        "mean_sqrt_len_tokens, weightedmean, lasttoken, or a list of them to concatenate; default: the archive's"
    )
    _, answer = ask(pipeline, {"inputs": "b", "x" * 500: 1})
    assert len(answer["error"]) < 250


def test_texts_of_all_rows_run_together_by_length(make_pipeline, echo):
    pipeline = make_pipeline(token_budget=12)
    pipeline.answer([row({"inputs": ["b c d", "b"]}), row({"inputs": "b c"}), row({"inputs": "d"})])
    assert echo.batches == [[3, 3, 4], [5]]


def test_a_sequence_that_cannot_run_fails_alone(pipeline, echo, ids, caplog):
    echo.broken = {ids["z"]}
    replies = pipeline.answer([row({"inputs": "b"}), row({"inputs": "secret z"}), row({"inputs": "c"})])
    assert [reply.status for reply in replies] == [200, 500, 200]
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_an_answer_over_the_limit_is_refused(make_pipeline):
    pipeline = make_pipeline(max_response_bytes=50)
    status, answer = ask(pipeline, {"inputs": "b", "task": "hidden-states"})
    assert (status, answer["error_type"]) == (413, "too_large")
    assert ask(pipeline, {"inputs": "b"})[0] == 200
    assert ask(pipeline, {"inputs": ["b"] * 9})[0] == 413


@pytest.mark.parametrize(("path", "key"), [("v1/embeddings", "input"), ("tei/embed", "inputs"), ("decode", "ids")])
def test_a_flat_list_of_ids_is_one_input_and_mixes_are_refused(pipeline, ids, path, key):
    flat, lists = [ids["b"], ids["c"]], [[ids["b"], ids["c"]]]
    assert ask(pipeline, {key: flat}, path) == ask(pipeline, {key: lists}, path)
    assert ask(pipeline, {key: flat}, path)[0] == 200
    (reply,) = pipeline.answer([row({key: [*flat, lists[0]]}, path=path)])
    assert reply.status == (400 if path == "v1/embeddings" else 422)
    assert f'\\"{key}\\" mixes token ids'.encode() in reply.body


def test_no_ids_are_an_empty_text(pipeline):
    assert ask(pipeline, {"ids": []}, "decode") == (200, [""])


def test_openai_embeddings(pipeline):
    status, answer = ask(pipeline, {"input": ["b", "c d"], "model": "any"}, "v1/embeddings")
    assert status == 200
    assert [item["index"] for item in answer["data"]] == [0, 1]
    assert answer["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    assert answer["data"][0]["embedding"] == ask(pipeline, {"inputs": "b"})[1][0]


@pytest.mark.parametrize(
    ("given", "texts"),
    [([2, 8, 3], 1), ([[8], [9, 10]], 2), ("b", 1), (["b", "c"], 2)],
)
def test_openai_input_forms(pipeline, given, texts):
    status, answer = ask(pipeline, {"input": given}, "v1/embeddings")
    assert (status, len(answer["data"])) == (200, texts)


@pytest.mark.parametrize(
    ("body", "path", "status"),
    [
        ({"input": []}, "v1/embeddings", 400),
        ({"input": ["b", 1]}, "v1/embeddings", 400),
        ({"input": "b", "encoding_format": "int8"}, "v1/embeddings", 400),
        (["b"], "v1/embeddings", 400),
        (b"{", "v1/embeddings", 400),
        ({"input": "b"}, "v1/embedding", 404),
    ],
)
def test_openai_errors_come_in_its_envelope(pipeline, body, path, status):
    got, answer = ask(pipeline, body, path)
    assert got == status
    assert answer["error"].keys() == {"message", "type", "param", "code"}


def test_openai_lists_the_model(pipeline):
    status, answer = ask(pipeline, b"", "v1/models")
    assert (status, answer["data"][0]["id"]) == (200, "bert")
    assert ask(pipeline, b"", "v1/models/bert") == (200, answer["data"][0])
    status, wrong = ask(pipeline, b"", "v1/models/brt")
    assert (status, wrong["error"]["message"]) == (404, "the model 'brt' does not exist; this address has bert")


def test_info_names_tasks_and_limits(pipeline):
    status, answer = ask(pipeline, b"", "info")
    assert status == 200
    assert answer["tasks"] == [
        "hidden-states",
        "embedding",
        "chunk-embedding",
        "similarity",
        "rerank",
        "word-vectors",
        "tokenize",
        "decode",
        "info",
    ]
    assert answer["limits"]["max_length"] == 12


def test_a_form_speaks_strings(pipeline):
    fields = {"text": b"b", "pooling": b"cls", "normalize": b"false", "dimensions": b"1"}
    (reply,) = pipeline.answer([Row(fields, {}, "application/x-www-form-urlencoded")])
    assert (reply.status, orjson.loads(reply.body)) == (200, [[CLS]])


def test_no_user_text_reaches_the_log(pipeline, caplog):
    caplog.set_level(logging.DEBUG)
    secret = "zanzibar"
    bodies = [{"inputs": secret}, {"inputs": "b", secret: 1}, {"inputs": secret, "task": secret}, secret.encode()]
    pipeline.answer([row(body) for body in bodies])
    assert secret not in caplog.text
