import gzip
import random
import tracemalloc
import zlib

import pytest

from handler.errors import TooLarge, Undecodable
from handler.protocols.body import FORM, Body, read
from handler.protocols.compression import LIMIT
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


ZIPPED = {"gzip": gzip.compress, "GZIP": gzip.compress, "deflate": zlib.compress}


@pytest.mark.parametrize("coding", ZIPPED)
def test_compressed_bodies(coding):
    raw = ZIPPED[coding](b'{"a": 1}')
    assert body(raw, **{"content-encoding": coding}) == Body({"a": 1})
    assert body(bytearray(raw), **{"content-encoding": f" {coding}, identity"}) == Body({"a": 1})


def test_deflate_without_its_header_and_gzip_in_parts():
    bare = zlib.compressobj(wbits=-15)
    assert body(bare.compress(b'{"a": 1}') + bare.flush(), **{"content-encoding": "deflate"}) == Body({"a": 1})
    parts = gzip.compress(b'{"a"') + gzip.compress(b": 1}")
    assert body(parts, **{"content-encoding": "gzip"}) == Body({"a": 1})


def test_a_large_compressed_body():
    text = random.Random(1).randbytes(3_000_000).hex()
    for compress, coding in ((gzip.compress, "gzip"), (zlib.compress, "deflate")):
        assert body(compress(text.encode(), 1), "text/plain", **{"content-encoding": coding}) == Body(text)


def test_an_empty_body_is_not_compressed():
    assert body(b"", **{"content-encoding": "gzip"}) == Body({})


@pytest.mark.parametrize(
    ("raw", "coding", "words"),
    [
        (b'{"a": 1}', "gzip", "not gzip"),
        (b'{"a": 1}', "deflate", "not deflate"),
        (gzip.compress(b'{"a": 1}', mtime=0)[:-3], "gzip", "too early"),
        (gzip.compress(b'{"a": 1}', mtime=0) + b"more", "gzip", "not gzip"),
        (zlib.compress(b'{"a": 1}') + b"more", "deflate", "something follows"),
        (b"x", "br", "send gzip, deflate"),
        (b"x", "gzip, gzip", "'gzip, gzip' is not supported"),
    ],
)
def test_bytes_that_are_not_what_content_encoding_says(raw, coding, words):
    with pytest.raises(Undecodable, match=words):
        body(raw, **{"content-encoding": coding})


def test_a_compressed_form_is_refused():
    row = Row({"\x1f\x8b": b"a"}, {"content-encoding": "gzip", "content-type": FORM}, FORM)
    with pytest.raises(Undecodable, match="form cannot be sent compressed"):
        read(row)


def test_a_body_that_expands_too_far_is_refused_at_the_limit():
    stream = zlib.compressobj(wbits=31)
    bomb = b"".join(stream.compress(bytes(1 << 20)) for _ in range(1024)) + stream.flush()
    tracemalloc.start()
    with pytest.raises(TooLarge, match=f"{len(bomb)} compressed bytes hold more than {LIMIT}"):
        body(bomb, **{"content-encoding": "gzip"})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5 * LIMIT


def test_what_follows_the_question_mark():
    """TorchServe's older routes hand it over beside the body."""
    assert read(Row({"model_name": b"bert", "body": b'{"a": 1}'}, {}, "application/json")) == Body({"a": 1})
    assert read(Row({"model_name": b"bert", "text": b"a", "body": b""})) == Body({"text": "a"}, strict=False)
    assert read(Row({"model_name": b"bert", "body": b""})) == Body({})
    with pytest.raises(Undecodable, match="a body and beside it 'pooling'"):
        read(Row({"pooling": b"cls", "body": b"{}"}))
