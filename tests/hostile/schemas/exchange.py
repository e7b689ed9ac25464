"""What a server's owner has published: requests it accepts, answers it gives, and where that stands."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jsonschema_rs
import requests

from tests.hostile.schemas import drawing

Schema = dict[str, Any]


class Sent(NamedTuple):
    """A body on its way."""

    raw: bytes
    headers: dict[str, str]


def encode(body: Any, dice: random.Random) -> Sent:
    """As JSON, with or without escapes."""
    text = json.dumps(body, ensure_ascii=dice.random() < 0.5)
    return Sent(text.encode(), {"content-type": "application/json"})


def decode(answer: requests.Response) -> Any:
    """From JSON."""
    return answer.json()


@dataclass(frozen=True)
class Exchange:
    """A request and its answer.

    Attributes:
        address: below the server's; `{archive}` stands for the model's name.
        archives: those that can answer it.
        request: JSON Schema of the body; formats `token`, `name` and `size` say what an integer or a string is.
        reply: JSON Schema of the answer.
        beyond: why these archives cannot serve a body that the schema accepts; empty where they can.
        differs: what is wrong with an answer of the right schema; empty where nothing is.
        unread: keys this project does not read, so that any value will do.
        lenient: what else it takes although the schema refuses it: the key, and what is in it.
        draw: makes a body.
        encode: puts it on the wire.
        decode: reads the answer.
        share: how often it is asked for, beside the others.
    """

    address: str
    archives: Sequence[str]
    request: Schema
    reply: Schema
    beyond: Callable[[Any], str]
    differs: Callable[[Any, Any], str]
    unread: frozenset[str] = frozenset()
    lenient: frozenset[str] = frozenset()
    draw: Callable[[Schema, random.Random], Any] = drawing.draw
    encode: Callable[[Any, random.Random], Sent] = encode
    decode: Callable[[requests.Response], Any] = decode
    share: int = 4

    def accepts(self, body: Any) -> bool:
        """Whether the owner's schema does."""
        return jsonschema_rs.is_valid(self.request, body)

    def wrong(self, body: Any, answer: requests.Response) -> str:
        """What is wrong with an answer; empty where nothing is."""
        found = self.decode(answer)
        try:
            jsonschema_rs.validate(self.reply, found)
        except jsonschema_rs.ValidationError as error:
            return f"{error.message[:200]} at {error.instance_path}"
        return self.differs(body, found)


@dataclass(frozen=True)
class Owner:
    """Whose schemas they are.

    Attributes:
        name: of the protocol.
        origin: repository, path and commit of what was read.
    """

    name: str
    origin: str
    exchanges: Sequence[Exchange]


def keys(required: Schema, optional: Schema, **more: Any) -> Schema:
    """An object."""
    return {"type": "object", "properties": {**required, **optional}, "required": list(required), **more}


def listed(items: Schema, **more: Any) -> Schema:
    """A list."""
    return {"type": "array", "items": items, **more}


def nullable(schema: Schema) -> Schema:
    """That, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def enum(*values: str) -> Schema:
    """One of some words."""
    return {"type": "string", "enum": list(values)}


STRING: Schema = {"type": "string"}
NAME: Schema = {"type": "string", "format": "name"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
TOKEN: Schema = {"type": "integer", "format": "token"}
VECTORS = listed(listed(NUMBER))


def lengths(vectors: Sequence[Sequence[Any]], count: int, size: int) -> str:
    """Whether there are as many vectors as there should be, and as long."""
    found = {len(vector) for vector in vectors}
    if len(vectors) != count or found != {size}:
        return f"{len(vectors)} vectors of {sorted(found)} instead of {count} of {size}"
    return ""
