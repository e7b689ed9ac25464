"""OpenAI's batch files through a real pipeline: every request has one line, among the answers or among the failed."""

import json
from types import SimpleNamespace

from scripts.bulk.engines import Archive
from scripts.bulk.inputs import look
from scripts.bulk.job import Job, Recipe
from scripts.bulk.work import process

RECIPE = Recipe("", {}, {}, "openai-batch", "", 0, {})


def request(name, body, url="/v1/embeddings", **other):
    return {"custom_id": name, "method": "POST", "url": url, "body": body, **other}


ELSEWHERE = ("/../../ping", "/v1/../../x", "/v1/embeddings?x=1", "/v1/%2e%2e/ping", "/v1/embeddings#a", "//v1", "/.")
"""Addresses that a client on the way would change."""


def test_answers_and_failures_have_their_ids(make_pipeline, tmp_path):
    lines = [
        request("a", {"model": "bert", "input": ["hello", "a cat"]}),
        request("b", {"model": "bert", "input": ""}),
        request("c", {"input": "hello"}, url="/v1/nothing"),
        request("d", {"input": "hello"}, method="GET"),
        {"custom_id": "e", "url": "/v1/embeddings"},
        *(request(url, {"input": "hello"}, url=url) for url in ELSEWHERE),
        request("ui", {}, url="/ui"),
        request("f", {"input": "hello", "encoding_format": "base64"}),
    ]
    file = tmp_path / "requests.jsonl"
    file.write_text("\n".join([*map(json.dumps, lines), "no json"]) + "\n")
    job = Job("", RECIPE, 20, [look(file, 20, {})])
    engine = Archive(SimpleNamespace(opened=make_pipeline()))
    done = [process(engine, RECIPE, tmp_path, block) for block in job.blocks()]
    assert [(each.rows, each.bad) for each in done] == [(15, 13)]

    answered = [json.loads(line) for line in (tmp_path / "part-00000.jsonl").read_text().splitlines()]
    assert [line["custom_id"] for line in answered] == ["a", "f"]
    assert all(set(line) == {"id", "custom_id", "response", "error"} for line in answered)
    assert answered[0]["response"]["status_code"] == 200
    body = answered[0]["response"]["body"]
    assert (body["object"], [row["index"] for row in body["data"]], body["usage"]["total_tokens"]) == (
        "list",
        [0, 1],
        7,
    )
    assert isinstance(answered[1]["response"]["body"]["data"][0]["embedding"], str)

    failed = {}
    for line in (tmp_path / "bad-00000.jsonl").read_text().splitlines():
        found = json.loads(line)
        failed[found["custom_id"]] = found
    assert list(failed) == [None, "d", "e", *ELSEWHERE, "b", "c", "ui"]
    assert failed["b"]["response"]["status_code"] == 400
    assert failed["b"]["response"]["body"]["error"]["type"] == "invalid_request_error"
    assert failed["c"]["response"]["status_code"] == 404
    for name, said in (
        ("d", "line 4: "),
        ("e", "line 5: "),
        (None, "line 15: not JSON"),
        ("ui", "line 13: /ui answers no JSON"),
    ):
        assert failed[name]["response"] is None
        assert failed[name]["error"]["message"].startswith(said)
    assert all(failed[url]["response"] is None and url in failed[url]["error"]["message"] for url in ELSEWHERE)
    ids = [line["id"] for line in [*answered, *failed.values()]]
    assert len(set(ids)) == len(lines) + 1
