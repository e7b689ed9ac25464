"""Bodies that cost far more to decode than to send."""

import json

import pytest

from handler.errors import TooLarge, Undecodable
from handler.protocols import body as decoder
from handler.protocols.body import MOST_VALUES, read
from handler.types import Row
from handler.wire import MOST_PARTS, Inputs

MANY = MOST_VALUES + 1


@pytest.mark.parametrize(
    "raw",
    [
        b"[" + b"[]," * MANY + b"[]]",
        b"[" + b"{}," * MANY + b"{}]",
        b"[" + b'"",' * MANY + b'""]',
        b"{" + b",".join(b'"%d":1' % number for number in range(MANY)) + b"}",
        b'["' + b'\\"' * MANY + b'",' + b"[]," * MANY + b"[]]",
        b"[" * MANY,
    ],
    ids=["lists", "objects", "texts", "keys", "lists beside quotes in a text", "depth"],
)
def test_json_of_many_values_is_refused_before_it_is_decoded(raw, monkeypatch):
    monkeypatch.setattr(decoder.orjson, "loads", None)
    with pytest.raises(TooLarge, match=f"more than {MOST_VALUES} texts and lists"):
        decoder.json(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'"' + b"[{" * MANY + b'"',
        b'"' + b'\\"' * MANY + b'"',
        b'"' + b"\\\\" * MANY + b'"',
        b"[" + b"1," * MANY + b"1]",
        b"[" + b"[]," * (MOST_VALUES - 2) + b"[]]",
    ],
    ids=["brackets in a text", "quotes in a text", "backslashes", "numbers", "as many as may be"],
)
def test_what_only_looks_like_many_values_is_decoded(raw):
    assert decoder.json(raw) == json.loads(raw)


@pytest.mark.parametrize("raw", [b'"' + b'\\"' * MANY, b'"' + b"\\" * (2 * MANY + 1) + b"[" * 9, b'"' * (MANY * 2 + 1)])
def test_strings_without_an_end_take_no_longer_than_others(raw):
    with pytest.raises((Undecodable, TooLarge)):  # with a pattern that starts anew at each quote, for hours
        decoder.json(raw)


def test_a_form_of_too_many_fields_is_refused():
    fields = Inputs({"text": bytearray(b"a")})
    assert read(Row(fields)).value == {"text": "a"}
    fields.excess = True
    with pytest.raises(TooLarge, match=f"more than {MOST_PARTS} fields"):
        read(Row(fields))
