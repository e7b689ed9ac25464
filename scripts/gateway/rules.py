"""HAProxy's `http-request` rules as lines of text: answers that it gives by itself, and changes of the address."""

from __future__ import annotations

from typing import Any

import orjson

JSON = "application/json"
PUT = "*"


def quoted(text: str) -> str:
    """One word of HAProxy's configuration, in which nothing has a meaning.

    Raises:
        ValueError: it has a quotation mark that would end it, or a line break.
    """
    if "'" in text or "\n" in text:
        raise ValueError(f"{text!r} cannot be written into HAProxy's configuration")
    return f"'{text}'"


def answer(value: Any, condition: str, status: int = 200, headers: str = "", put: str = "") -> str:
    """Answer JSON; with `put`, an expression, its value stands where the JSON has the string `PUT`."""
    text, kind = orjson.dumps(value).decode(), "string"
    if put:
        text, kind = text.replace("%", "%%").replace(f'"{PUT}"', f'"%[{put}]"'), "lf-string"
    return (
        f"http-request return status {status} content-type {JSON} {kind} {quoted(text)}{headers} {condition}".rstrip()
    )


def refusal(status: int, kind: str, words: str, condition: str, retry: bool = False) -> str:
    """Refuse in this project's own form of an error."""
    return answer(envelope(kind, words), condition, status, " hdr retry-after 1" if retry else "")


def failure(status: int, kind: str, words: str, retry: bool = False) -> str:
    """What HAProxy says where it would have a page of HTML."""
    body = quoted(orjson.dumps(envelope(kind, words)).decode())
    more = " hdr retry-after 1" if retry else ""
    return f"http-error status {status} content-type {JSON} string {body}{more}"


def envelope(kind: str, words: str) -> dict[str, str]:
    """See `handler.protocols.base.envelope`."""
    return {"error": words, "error_type": kind}


def rewrite(path: str, condition: str) -> str:
    """Another address for the server; `%[path]` in it is the client's."""
    return f'http-request set-path "{path}" {condition}'
