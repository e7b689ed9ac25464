"""Cohere: `v2/embed` and `v2/rerank`."""

from __future__ import annotations

import random
from typing import Any

from tests.hostile.schemas import drawing
from tests.hostile.schemas.exchange import (
    INTEGER,
    NAME,
    NUMBER,
    STRING,
    VECTORS,
    Exchange,
    Owner,
    Schema,
    enum,
    keys,
    lengths,
    listed,
)
from tests.hostile.schemas.texts import SIZE, longer, refused

FORMS = ("float", "int8", "uint8", "binary", "ubinary", "base64")
PRIORITY: Schema = {"type": "integer", "minimum": 0, "maximum": 999}
CONTENT: Schema = {
    "oneOf": [
        keys({"type": enum("text")}, {"text": STRING}),
        keys({"type": enum("image_url")}, {"image_url": keys({"url": NAME}, {})}),
    ]
}
EMBED = keys(
    {
        "model": NAME,
        "input_type": enum("search_document", "search_query", "classification", "clustering", "image"),
    },
    {
        "texts": listed(STRING, minItems=1, maxItems=96),
        "images": listed(NAME, minItems=1),
        "inputs": listed(keys({"content": listed(CONTENT)}, {})),
        "max_tokens": INTEGER,
        "output_dimension": {"type": "integer", "format": "size"},
        "embedding_types": listed(enum(*FORMS)),
        "truncate": enum("NONE", "START", "END"),
        "priority": PRIORITY,
    },
)
"""`output_dimension` has no minimum in the original, and its description names four sizes of one model."""
META = keys({}, {"api_version": keys({"version": STRING}, {}), "billed_units": keys({}, {"input_tokens": NUMBER})})
EMBEDDED = keys(
    {
        "id": STRING,
        "embeddings": keys({}, {**dict.fromkeys(FORMS, VECTORS), "base64": listed(STRING)}),
    },
    {
        "response_type": enum("embeddings_floats", "embeddings_by_type"),
        "texts": listed(STRING),
        "meta": META,
    },
)
"""The original also requires `api_version`, a key that it does not describe and its own examples do not have."""
RERANK = keys(
    {"model": NAME, "query": STRING, "documents": listed(STRING)},
    {"top_n": {"type": "integer", "minimum": 1}, "max_tokens_per_doc": INTEGER, "priority": PRIORITY},
)
RANKED = keys(
    {"results": listed(keys({"index": INTEGER, "relevance_score": NUMBER}, {}))}, {"id": STRING, "meta": META}
)
SOURCES = ("texts", "inputs", "images")


def draw(schema: Schema, dice: random.Random) -> Any:
    """With one of the keys that hold what is embedded, as the descriptions have it; seldom two or none."""
    body = drawing.draw(schema, dice)
    if dice.random() > 0.02:
        source = dice.choices(SOURCES, [60, 38, 2])[0]
        body |= dict.fromkeys(SOURCES, None) if dice.random() < 0.3 else {}
        body = {key: value for key, value in body.items() if key not in SOURCES or value is None}
        body[source] = drawing.draw(schema["properties"][source], dice)
    for item in body.get("inputs") or []:
        item["content"] = [readable(part, dice) for part in item["content"]]
    return body


def readable(part: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """With text instead of an image or of nothing; seldom as it is."""
    if part.get("text") is not None or dice.random() < 0.01:
        return part
    rest = {key: value for key, value in part.items() if key != "image_url"}
    return {**rest, "type": "text", "text": drawing.draw(STRING, dice)}


def embedded_texts(body: Any) -> list[str | None]:
    """One for each vector; None where its content is no text."""
    if body.get("texts") is not None:
        return list(body["texts"])
    contents = [item["content"] for item in body.get("inputs") or []]
    plain = [[part.get("text") for part in content if part["type"] == "text"] for content in contents]
    whole = [len(texts) == len(content) and None not in texts for texts, content in zip(plain, contents, strict=True)]
    return ["\n".join(map(str, texts)) if good else None for texts, good in zip(plain, whole, strict=True)]


def beyond(body: Any) -> str:
    """Images are; for the rest see `refused`."""
    given = [key for key in SOURCES if body.get(key) is not None]
    if len(given) != 1:
        return "not one of texts, images and inputs"
    texts = embedded_texts(body)
    if not texts or None in texts:
        return "content that is no text"
    if not 1 <= (1 if (size := body.get("output_dimension")) is None else size) <= SIZE:
        return "dimensions that the model does not have"
    if body.get("truncate") == "NONE" and longer(texts):
        return "a long text, not to be truncated"
    return refused(texts)


def differs(body: Any, answer: Any) -> str:
    """Each form that was asked for, with a vector for each text."""
    texts, size = embedded_texts(body), body.get("output_dimension") or SIZE
    packed, encoded = -(-size // 8), (size * 4 + 2) // 3 * 4
    sizes = {"binary": packed, "ubinary": packed, "base64": encoded}
    if answer["embeddings"].keys() != set(body.get("embedding_types") or ["float"]):
        return f"forms {sorted(answer['embeddings'])}"
    if answer["texts"] != texts:
        return "other texts"
    found = answer["embeddings"].items()
    return "".join(lengths(vectors, len(texts), sizes.get(form, size)) for form, vectors in found)


def ranks(body: Any, answer: Any) -> str:
    """As many as were asked for, best first."""
    wanted = min(len(body["documents"]), body.get("top_n") or len(body["documents"]))
    scores = [item["relevance_score"] for item in answer["results"]]
    indices = {item["index"] for item in answer["results"]}
    good = len(scores) == len(indices) == wanted and scores == sorted(scores, reverse=True)
    return "" if good else f"{len(scores)} results instead of {wanted}, or out of order"


OWNER = Owner(
    "Cohere",
    "cohere-ai/cohere-developer-experience, cohere-openapi.yaml, e814c8a1822f3b144b3708fdff14c3df0281e961",
    [
        Exchange(
            "/predictions/{archive}/1.0/v2/embed",
            ["bert"],
            EMBED,
            EMBEDDED,
            beyond,
            differs,
            frozenset({"model", "max_tokens", "priority"}),
            frozenset({"input_type: missing"}),  # Cohere's own models before version 3 have none
            draw,
        ),
        Exchange(
            "/predictions/{archive}/1.0/v2/rerank",
            ["bert", "reranker"],
            RERANK,
            RANKED,
            lambda body: "" if body["documents"] else "no documents",
            ranks,
            frozenset({"model", "max_tokens_per_doc", "priority"}),
            frozenset({"documents: str"}),  # vLLM's, on the same path
        ),
    ],
)
