"""text-embeddings-inference: its routes for embeddings, classes, ranks and tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.hostile.schemas.exchange import (
    BOOLEAN,
    NUMBER,
    STRING,
    TOKEN,
    VECTORS,
    Exchange,
    Owner,
    Schema,
    enum,
    keys,
    lengths,
    listed,
    nullable,
)
from tests.hostile.schemas.texts import SIZE, longer, refused

NATURAL: Schema = {"type": "integer", "minimum": 0}
ID: Schema = {**TOKEN, "minimum": 0}
ONE: Schema = {"oneOf": [STRING, listed(ID)]}
INPUT: Schema = {"anyOf": [STRING, listed(ID), listed(STRING), listed(ONE)]}
"""`Input` of the original: one `InputType`, or a list of them, which may be of both kinds."""
DIRECTION = {"truncation_direction": enum("Left", "Right")}
TRUNCATE = {"truncate": nullable(BOOLEAN), **DIRECTION}
PROMPT = {"prompt_name": {"anyOf": [*[{"type": "null"}] * 9, {"type": "string", "format": "name"}]}}
"""Mostly null: these archives have no prompts."""
PAIR: Schema = listed(STRING, minItems=2, maxItems=2)
PREDICT: Schema = {
    "anyOf": [STRING, PAIR, listed({"anyOf": [listed(STRING, minItems=1, maxItems=1), PAIR]})],
}
LABEL = keys({"score": NUMBER, "label": STRING}, {})
PLACE = nullable(NATURAL)
PIECE = keys({"id": NATURAL, "text": STRING, "special": BOOLEAN}, {"start": PLACE, "stop": PLACE})
EMBED = {**TRUNCATE, **PROMPT, "normalize": BOOLEAN}
EMBED |= {"dimensions": nullable({"type": "integer", "minimum": 0, "format": "size"})}


def entries(given: Any) -> list[Any]:
    """One for each answer: a text, a list of ids, or a list of either."""
    if isinstance(given, str):
        return [given]
    return [given] if given and isinstance(given[0], int) else list(given)


def vague(body: Any, texts: list[Any]) -> str:
    """What every route with texts refuses."""
    if not texts:
        return "no text"
    if body.get("truncate") is False and longer(texts):
        return "a long text, not to be truncated"
    return refused(texts)


def inputs(body: Any) -> str:
    """Of the routes that embed. An archive without prompts has none of any name, and TEI cannot have 0 dimensions."""
    if body.get("prompt_name") is not None:
        return "a prompt that the model does not have"
    if not 1 <= (1 if (size := body.get("dimensions")) is None else size) <= SIZE:
        return "dimensions that the model does not have"
    return vague(body, entries(body["inputs"]))


def pairs(body: Any) -> list[Any]:
    """One for each answer of `predict`."""
    given = body["inputs"]
    batch = isinstance(given, list) and any(isinstance(item, list) for item in given)
    return list(given) if batch else [given] if given else []


def classified(body: Any) -> str:
    """A pair is refused where both of its texts are empty, and cut where both together are too long."""
    joined = ["".join(item) if isinstance(item, list) else item for item in pairs(body)]
    return vague(body, joined)


def ranked(body: Any) -> str:
    """A pair of query and text is not empty where one of them is not; this project takes it anyway."""
    if not body["texts"]:
        return "no text"
    truncated = body.get("truncate") is not False or not longer([body["query"], *body["texts"]])
    return "" if truncated else "a long text, not to be truncated"


def compared(body: Any) -> str:
    """As texts to embed."""
    texts, options = body["inputs"], body.get("parameters") or {}
    if not texts["sentences"]:
        return "no text"
    if options.get("prompt_name") is not None:
        return "a prompt that the model does not have"
    return vague(options, [texts["source_sentence"], *texts["sentences"]])


def tokens(body: Any) -> str:
    """Of `decode`; of no ids TEI makes an error, and this project the empty text that they are."""
    return refused([each for each in entries(body["ids"]) if each])


def count(body: Any, answer: Any) -> str:
    """One answer for each input."""
    wanted = len(entries(body["inputs"])) if "inputs" in body else max(1, len(entries(body["ids"])))
    return "" if len(answer) == wanted else f"{len(answer)} answers instead of {wanted}"


def classes(body: Any, answer: Any) -> str:
    """Of `predict`: three labels for each input."""
    batch = isinstance(body["inputs"], list) and any(isinstance(item, list) for item in body["inputs"])
    found = answer if batch else [answer]
    return lengths(found, len(pairs(body)), 3)


def ranks(body: Any, answer: Any) -> str:
    """Each text once, best first, with its words where they were asked for."""
    indices, scores = sorted(item["index"] for item in answer), [item["score"] for item in answer]
    if indices != list(range(len(body["texts"]))) or scores != sorted(scores, reverse=True):
        return "other indices, or out of order"
    texts = [body["texts"][item["index"]] if body.get("return_text") else None for item in answer]
    return "" if [item.get("text") for item in answer] == texts else "other texts"


def exchange(
    route: str,
    archives: list[str],
    request: Schema,
    reply: Schema,
    beyond: Callable[[Any], str],
    differs: Callable[[Any, Any], str],
    **more: Any,
) -> Exchange:
    """A route of TEI's."""
    return Exchange(f"/predictions/{{archive}}/1.0/tei/{route}", archives, request, reply, beyond, differs, **more)


SIMILARITY = keys(
    {"inputs": keys({"source_sentence": STRING, "sentences": listed(STRING)}, {})},
    {"parameters": nullable(keys({}, {**TRUNCATE, **PROMPT}))},
)
RERANK = keys({"query": STRING, "texts": listed(STRING)}, {**TRUNCATE, "raw_scores": BOOLEAN, "return_text": BOOLEAN})
RANK = keys({"index": NATURAL, "score": NUMBER}, {"text": nullable(STRING)})
SPARSE = keys({"index": NATURAL, "value": NUMBER}, {})
OWNER = Owner(
    "text-embeddings-inference",
    "huggingface/text-embeddings-inference, docs/openapi.json, 0d124dc9773be6ac5a9a57d8439aba9bbbf33273",
    [
        exchange(
            "embed",
            ["bert"],
            keys({"inputs": INPUT}, EMBED),
            VECTORS,
            inputs,
            lambda body, answer: lengths(answer, len(entries(body["inputs"])), body.get("dimensions") or SIZE),
            share=8,
        ),
        exchange(
            "embed_all", ["bert"], keys({"inputs": INPUT}, {**TRUNCATE, **PROMPT}), listed(VECTORS), inputs, count
        ),
        exchange(
            "embed_sparse",
            ["words"],
            keys({"inputs": INPUT}, {**TRUNCATE, **PROMPT}),
            listed(listed(SPARSE)),
            inputs,
            count,
            share=1,  # a head that was not trained to be sparse gives half the vocabulary
        ),
        exchange(
            "predict",
            ["classes"],
            keys({"inputs": PREDICT}, {**TRUNCATE, "raw_scores": BOOLEAN}),
            {"anyOf": [listed(LABEL), listed(listed(LABEL))]},
            classified,
            classes,
            lenient=frozenset({"inputs: str"}),  # a text beside lists of one and two
        ),
        exchange("rerank", ["bert", "reranker"], RERANK, listed(RANK), ranked, ranks),
        exchange(
            "similarity",
            ["bert"],
            SIMILARITY,
            listed(NUMBER),
            compared,
            lambda body, answer: lengths([answer], 1, len(body["inputs"]["sentences"])),
        ),
        exchange(
            "tokenize",
            ["bert", "classes"],
            keys({"inputs": {"oneOf": [STRING, listed(STRING)]}}, {"add_special_tokens": BOOLEAN, **PROMPT}),
            listed(listed(PIECE)),
            inputs,
            count,
        ),
        exchange(
            "decode",
            ["bert", "words"],
            keys({"ids": {"anyOf": [listed(ID), listed(listed(ID))]}}, {"skip_special_tokens": BOOLEAN}),
            listed(STRING),
            tokens,
            count,
        ),
    ],
)
