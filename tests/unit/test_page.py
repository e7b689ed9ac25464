"""What a browser gets, and that nobody else gets it."""

import re

import orjson
import pytest

from handler import protocols
from handler.keys import Keys
from handler.types import Row

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def get(pipeline, path="", **headers):
    (reply,) = pipeline.answer([Row({}, headers, "", path)])
    return reply


@pytest.fixture
def pipeline(make_pipeline):
    return make_pipeline()


def test_a_browser_gets_a_page_with_an_example_for_each_task(pipeline):
    reply = get(pipeline, accept=BROWSER, host="models.example:8080")
    text = reply.body.decode()
    assert (reply.status, reply.content_type) == (200, "text/html; charset=utf-8")
    assert len(reply.body) < 10_000
    for task in pipeline.tasks:
        assert f"curl -s http://models.example:8080/predictions/bert/1.0/{task}" in text
    assert set(re.findall(r'href="([^"]+)"', text)) == {
        "/predictions/bert/1.0/info",
        "/predictions/bert/1.0/ui",
        "/predictions/bert/1.0/openapi.json",
    }
    assert "<script" not in text
    assert "src=" not in text
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("host", ['"><script>alert(1)</script>', "", "a b", "ä.example"])
def test_what_is_no_host_is_not_repeated(pipeline, host):
    text = get(pipeline, accept=BROWSER, host=host).body.decode()
    assert "http://localhost:8080/predictions/bert/1.0/embedding" in text
    assert "<script" not in text
    proxied = get(pipeline, accept=BROWSER, host="a.example", **{"x-forwarded-proto": "https"}).body.decode()
    assert "https://a.example/predictions/bert/1.0/v1" in proxied


def test_info_is_in_lines_for_a_browser_and_the_same(pipeline):
    shown = get(pipeline, "info", accept=BROWSER)
    assert shown.content_type == "application/json"
    assert shown.body.startswith(b'{\n  "model": "bert"')
    plain = get(pipeline, "info")
    assert b"\n" not in plain.body
    assert orjson.loads(shown.body) == orjson.loads(plain.body)


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "application/json, text/html", "application/x-npy"])
def test_programs_see_what_they_saw(pipeline, accept):
    reply = get(pipeline, accept=accept)
    assert (reply.status, orjson.loads(reply.body)["error_type"]) == (422, "invalid")


def test_a_browser_that_sends_something_gets_its_answer(pipeline):
    body = Row({"body": b'{"inputs": "b"}'}, {"accept": BROWSER}, "application/json")
    form = Row({"text": b"b"}, {"accept": BROWSER}, "application/x-www-form-urlencoded")
    lost = Row({}, {"accept": BROWSER, "content-length": "9"}, "application/x-www-form-urlencoded")
    assert [reply.status for reply in pipeline.answer([body, form, lost])] == [200, 200, 400]
    assert protocols.find(Row({}, {"accept": BROWSER}, "", "v1/models")) is not protocols.PAGE


def test_with_keys_the_page_wants_one(pipeline, tmp_path):
    pipeline.keys = Keys(str(tmp_path / "none"))
    assert get(pipeline, accept=BROWSER).status == 401
