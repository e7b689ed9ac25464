import pytest

from handler.errors import Undecodable
from handler.protocols.body import FORM, Body, read
from handler.types import Row


def body(raw, content_type="application/json", **headers):
    return read(Row({"body": raw}, headers, content_type))


def form(fields, content_length=None):
    headers = {} if content_length is None else {"content-length": str(content_length)}
    return read(Row({name: bytearray(value) for name, value in fields.items()}, headers, FORM))


@pytest.mark.parametrize(
    ("raw", "content_type", "value"),
    [
        (b'{"a": 1}', "application/json", {"a": 1}),
        (b'["a"]', "application/vnd.api+json", ["a"]),
        (b'"a"', "application/json", "a"),
        (b"[MASK] a", "text/plain", "[MASK] a"),
        (b'{"a": 1}', "text/plain", '{"a": 1}'),
        (b'{"a": 1}', "", {"a": 1}),
        (b"[MASK] a", "", "[MASK] a"),
        (b'["a", "b"]', "application/octet-stream", ["a", "b"]),
        ("héllo".encode(), "", "héllo"),
        (b"", "application/json", {}),
        (b" \n", "", {}),
    ],
)
def test_whole_bodies(raw, content_type, value):
    assert body(bytearray(raw), content_type) == Body(value)


def test_grpc_has_no_headers_and_may_call_the_body_data():
    assert read(Row({"data": b'{"a": 1}'})) == Body({"a": 1})


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"{", "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": "\xff"}', "not UTF-8: byte 7 is 0xff"),
        (b'{"a": "\\ud800"}', "not JSON"),
        (b"[" * 5000, "depth limit"),
    ],
)
def test_bytes_that_are_no_json(raw, words):
    with pytest.raises(Undecodable, match=words):
        body(raw)


def test_text_that_is_no_utf8_names_the_byte():
    with pytest.raises(Undecodable, match="byte 2 is 0xff"):
        body(b"ab\xff", "text/plain")


def test_form_fields_are_loosely_typed():
    assert form({"text": b"a", "normalize": b"false"}) == Body({"text": "a", "normalize": "false"}, strict=False)


@pytest.mark.parametrize("fields", [{'{"a": "x': b""}, {'{"a": "b': b'c"}'}, {"[1": b""}, {}])
def test_json_posted_as_a_form_is_refused_with_the_header_that_helps(fields):
    with pytest.raises(Undecodable, match="add -H 'content-type: application/json'"):
        form(fields, content_length=12)


def test_no_body_at_all():
    assert read(Row({}, {}, "")) == Body({})
