"""Bytes of a request to fields, whatever way the client sent them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from handler.errors import TooLarge, Undecodable, quote
from handler.protocols.compression import expand
from handler.types import Row
from handler.wire import MOST_PARTS, Inputs

MOST_VALUES = 50_000
"""Of a JSON body, numbers aside, which are cheap. As many empty lists take 40 ms until they are refused; those that
fill a body of 16 MiB took seven seconds and half a gigabyte."""
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""In JSON. One without an end goes to the end of the body, so that nothing is looked at twice."""
FORM = "application/x-www-form-urlencoded"
FORMS = (FORM, "multipart/form-data")


@dataclass(frozen=True, slots=True)
class Body:
    """Decoded fields.

    Attributes:
        value: an object, or a bare text or list.
        strict: False where values are strings only because a form has no other kind.
    """

    value: Any
    strict: bool = True


def read(row: Row) -> Body:
    """Decode a row.

    Raises:
        Undecodable: not UTF-8, not JSON, nested too deeply, or JSON that was sent as a form.
        TooLarge: too many fields, or too many values.
    """
    raw = whole(row)
    if raw is not None:
        return raw_body(raw, row.content_type)
    return Body({name: utf8(value) for name, value in given(row.fields).items()}, strict=False)


def whole(row: Row) -> bytes | bytearray | None:
    """The body of a request that is not a form, without its compression; empty where there is none.

    Raises:
        Undecodable, TooLarge: see `expand`. Also for JSON that was sent as a form, for a body and fields beside it, and
            for a form that was compressed, which TorchServe has parsed as if it were not.
    """
    if isinstance(row.fields, Inputs) and row.fields.excess:
        raise TooLarge(f"the form has more than {MOST_PARTS} fields; send the texts as JSON")
    if is_misparsed_json(row):
        raise Undecodable(
            "the body came as a form, which is what curl -d sends, and holds no field; "
            "for JSON add -H 'content-type: application/json', for a text send text=..."
        )
    fields = given(row.fields)
    raw = single_field(fields)
    if raw is None and "body" in fields:
        others = quote(", ".join(fields.keys() - {"body"}))
        raise Undecodable(f"there is a body and beside it {others}; send all keys in the body")
    coding = row.headers.get("content-encoding", "")
    if coding.strip().lower() in ("", "identity"):
        return raw
    if raw is None or row.headers.get("content-type", "").lower().startswith(FORMS):
        raise Undecodable("a form cannot be sent compressed; send it without content-encoding, or send JSON")
    return expand(raw, coding)


def given(fields: Mapping[str, bytes | bytearray]) -> Mapping[str, bytes | bytearray]:
    """The fields without the name of the model, and without the empty body that comes with keys of the address.

    TorchServe hands over what follows the question mark on `/invocations`, `/models/{model}/invoke` and
    `/{model}/predict`, as fields beside the body.
    """
    if len(fields) < 2 or "body" not in fields:
        return fields
    kept = {name: value for name, value in fields.items() if name != "model_name"}
    return kept if kept["body"].strip() or len(kept) == 1 else {n: v for n, v in kept.items() if n != "body"}


def is_misparsed_json(row: Row) -> bool:
    """Whether the server took JSON for a form.

    It splits such a body at every `=` and `&`, trims the pieces and drops the last one: what is left of it, if
    anything, is no longer what the client sent.
    """
    if not row.fields:
        return row.headers.get("content-length", "0") != "0"
    return row.content_type == FORM and next(iter(row.fields)).startswith(("{", "["))


def single_field(fields: Mapping[str, bytes | bytearray]) -> bytes | bytearray | None:
    """The body of a request that is not a form; gRPC clients may call it `data`. Empty bytes where there is none."""
    if not fields:
        return b""
    if len(fields) == 1:
        return fields.get("body", fields.get("data"))
    return None


def raw_body(raw: bytes | bytearray, content_type: str) -> Body:
    """A whole body: JSON or text."""
    if not raw.strip():
        return Body({})
    if content_type.endswith("json"):
        return Body(json(raw))
    if not content_type.startswith("text/") and raw.lstrip()[:1] in (b"{", b"["):
        return sniff_json(raw)
    return Body(utf8(raw))


def sniff_json(raw: bytes | bytearray) -> Body:
    """A body without a known media type that begins like JSON; "[MASK] is a word" is text all the same."""
    try:
        return Body(json(raw))
    except Undecodable:
        if raw.lstrip().startswith(b"{"):
            raise
        return Body(utf8(raw))


def json(raw: bytes | bytearray) -> Any:
    """Parse JSON; NaN, lone surrogates, nesting beyond 1,024 levels and more than `MOST_VALUES` are refused."""
    if has_many_values(raw):
        raise TooLarge(f"the body holds more than {MOST_VALUES} texts and lists; send several requests")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        utf8(raw)  # names the byte, which orjson does not
        raise Undecodable(f"the body is not JSON: {error}") from None


def has_many_values(raw: bytes | bytearray) -> bool:
    """Whether there are more than `MOST_VALUES` strings, lists and objects, without decoding them.

    Most bodies have too few of the characters that begin one; only in others is it seen which of them are in strings.
    """
    if sum(map(raw.count, (b'"', b"[", b"{"))) <= MOST_VALUES:
        return False
    rest, strings = STRING.subn(b"", raw, MOST_VALUES + 1)
    return strings + rest.count(b"[") + rest.count(b"{") > MOST_VALUES


def utf8(raw: bytes | bytearray) -> str:
    """Decode, naming the first byte that is wrong."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Undecodable(f"the body is not UTF-8: byte {error.start} is 0x{raw[error.start]:02x}") from None
