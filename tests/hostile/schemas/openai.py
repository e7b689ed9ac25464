"""OpenAI: `CreateEmbeddingRequest` and `CreateEmbeddingResponse`."""

from __future__ import annotations

from typing import Any

from tests.hostile.schemas.exchange import (
    INTEGER,
    NAME,
    NUMBER,
    STRING,
    TOKEN,
    Exchange,
    Owner,
    enum,
    keys,
    lengths,
    listed,
)
from tests.hostile.schemas.texts import SIZE, refused

MOST: dict[str, Any] = {"minItems": 1, "maxItems": 2048}
REQUEST = keys(
    {
        "model": NAME,
        "input": {
            "oneOf": [
                STRING,
                listed(STRING, **MOST),
                listed(TOKEN, **MOST),
                listed(listed(TOKEN, minItems=1), **MOST),
            ]
        },
    },
    {
        "encoding_format": enum("float", "base64"),
        "dimensions": {"type": "integer", "minimum": 1, "format": "size"},
        "user": NAME,
    },
)
"""The original has `additionalProperties: false`; a proxy in front of a client adds keys all the same."""
REPLY = keys(
    {
        "object": enum("list"),
        "model": STRING,
        "data": listed(
            keys(
                {
                    "index": INTEGER,
                    "object": enum("embedding"),
                    # The original has the list alone, and no word for the base64 that `encoding_format` asks for
                    # and openai-python decodes.
                    "embedding": {"oneOf": [listed(NUMBER), STRING]},
                },
                {},
            )
        ),
        "usage": keys({"prompt_tokens": INTEGER, "total_tokens": INTEGER}, {}),
    },
    {},
)


def inputs(body: Any) -> list[Any]:
    """One entry for each vector."""
    given = body["input"]
    return [given] if isinstance(given, str) or isinstance(given[0], int) else list(given)


def beyond(body: Any) -> str:
    """The schema's own description refuses an empty string; the rest is the model's."""
    if (body.get("dimensions") or 1) > SIZE:
        return "more dimensions than the model has"
    return refused(inputs(body))


def differs(body: Any, answer: Any) -> str:
    """Each input has its vector, in order and of its length."""
    if [item["index"] for item in answer["data"]] != list(range(len(inputs(body)))):
        return "other indices"
    size, vectors = body.get("dimensions") or SIZE, [item["embedding"] for item in answer["data"]]
    if body.get("encoding_format") == "base64":  # four characters for three bytes, and padding
        return lengths(vectors, len(inputs(body)), (size * 4 + 2) // 3 * 4)
    return lengths(vectors, len(inputs(body)), size)


OWNER = Owner(
    "OpenAI",
    "openai/openai-openapi, openapi.yaml, f85dbe223d40e1a31cba812ab2d755c7e98a92a3",
    [
        Exchange(
            "/predictions/{archive}/1.0/v1/embeddings",
            ["bert"],
            REQUEST,
            REPLY,
            beyond,
            differs,
            frozenset({"model", "user"}),
            frozenset({"input: str", "input: list"}),  # texts beside lists of ids: each has its vector
        )
    ],
)
