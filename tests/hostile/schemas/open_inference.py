"""Open Inference Protocol: `inference_request` and `inference_response`, in JSON and with its binary extension.

The schema leaves the names of tensors to the model; what these archives have is written out here.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import requests

from tests.hostile.schemas import drawing, texts
from tests.hostile.schemas.exchange import INTEGER, STRING, Exchange, Owner, Schema, Sent, keys, listed
from tests.hostile.schemas.tensors import HEADER, pack, unpack

ANY: Schema = {"type": "object"}
DATA: Schema = {
    "type": "array",
    "items": {"anyOf": [{"$ref": "#/$defs/data"}, {"type": ["number", "string", "boolean"]}]},
}
REF: Schema = {"$ref": "#/$defs/data"}
DEFS: dict[str, Any] = {"$defs": {"data": DATA}}
TENSOR = {"name": STRING, "shape": listed(INTEGER), "datatype": STRING, "data": REF}
REQUEST = keys(
    {"inputs": listed(keys(TENSOR, {"parameters": ANY}))},
    {"id": STRING, "parameters": ANY, "outputs": listed(keys({"name": STRING}, {"parameters": ANY}))},
    **DEFS,
)
REPLY = keys(
    {"model_name": STRING, "outputs": listed(keys(TENSOR, {"parameters": ANY}))},
    {"model_version": STRING, "id": STRING, "parameters": ANY},
    **DEFS,
)
INTEGERS = ["INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"]
WIDE = ["INT32", "INT64", "UINT16", "UINT32", "UINT64"]
"""Those that hold any id of the vocabulary."""
FLOATS = ["FP16", "FP32", "FP64"]
Tensors = list[dict[str, Any]]


def tensor(name: str, datatype: str, values: list[Any], dice: random.Random, shape: list[int] | None = None) -> Any:
    """Flat or nested; of one list of values in any shape that holds them."""
    shape = shape or dice.choice([[len(values)], [len(values), 1], [1, len(values)]])
    made = {"name": name, "shape": shape, "datatype": datatype, "data": values}
    if len(shape) == 2 and dice.random() < 0.5:
        made["data"] = [values[start : start + shape[1]] for start in range(0, len(values), shape[1] or 1)]
    if dice.random() < 0.3:
        made |= {"parameters": dice.choice([{}, {"content_type": "str"}, {"headers": {"a": [1]}}, None])}
    return made | ({"extra": dice.choice(drawing.OTHERS)} if dice.random() < 0.1 else {})


def words(name: str, dice: random.Random, count: int | None = None) -> Any:
    """A tensor of texts."""
    count = dice.choice([1, 1, 2, 3, 9]) if count is None else count
    return tensor(name, "BYTES", [texts.text(dice) for _ in range(count)], dice)


def number(name: str, value: int, dice: random.Random) -> Any:
    """A tensor of one small number."""
    return tensor(name, dice.choice(INTEGERS), [value], dice, dice.choice([[1], [1, 1]]))


def flag(name: str, dice: random.Random) -> Any:
    """A tensor of one boolean."""
    return tensor(name, "BOOL", [dice.random() < 0.5], dice, [1])


def ids(dice: random.Random) -> Tensors:
    """Token ids as tokenizers of transformers give them, padded; seldom as numbers that are no ids."""
    rows, columns = dice.randrange(1, 4), dice.randrange(1, 12)
    values = [texts.token(dice) % 2**31 for _ in range(rows * columns)]
    small = max(values) < 128
    kind = "FP32" if dice.random() < 0.01 else dice.choice(INTEGERS if small else WIDE)
    if kind == "UINT16":
        values = [min(value, 2**16 - 1) for value in values]
    found = [tensor("input_ids", kind, values, dice, [rows, columns])]
    if dice.random() < 0.6:
        mask = [int(column <= dice.randrange(columns)) for _ in range(rows) for column in range(columns)]
        datatype = dice.choice(["BOOL", *INTEGERS])
        found.append(
            tensor(
                "attention_mask",
                datatype,
                [bool(bit) for bit in mask] if datatype == "BOOL" else mask,
                dice,
                [rows, columns],
            )
        )
    if dice.random() < 0.4:
        found.append(tensor("token_type_ids", dice.choice(INTEGERS), [0] * rows * columns, dice, [rows, columns]))
    return found


def some(dice: random.Random, *tensors: Any) -> Tensors:
    """Half of them."""
    return [each for each in tensors if dice.random() < 0.5]


Draw = Callable[[random.Random], Tensors]
TASKS: dict[str, Draw] = {
    "embedding": lambda dice: [
        *(ids(dice) if dice.random() < 0.5 else [words("text", dice)]),
        *some(dice, number("dimensions", dice.randrange(1, 100), dice), flag("normalize", dice)),
        *some(dice, tensor("pooling", "BYTES", [dice.choice(["cls", "mean", "max"])], dice, [1])),
    ],
    "hidden-states": lambda dice: ids(dice) if dice.random() < 0.5 else [words("inputs", dice, 2)],
    "tokenize": lambda dice: [words("text", dice)],
    "rerank": lambda dice: [
        words("query", dice, 1),
        words("texts", dice),
        *some(dice, number("top_n", dice.randrange(1, 5), dice), flag("return_text", dice)),
    ],
    "similarity": lambda dice: [words("source", dice, 1), words("sentences", dice)],
    "decode": lambda dice: [
        tensor("ids", dice.choice(INTEGERS), [dice.randrange(100) for _ in range(dice.randrange(1, 9))], dice),
        *some(dice, flag("skip_special_tokens", dice)),
    ],
    "text-classification": lambda dice: [
        words("text", dice),
        *some(dice, number("top_k", dice.randrange(1, 4), dice)),
    ],
    "sparse-embedding": lambda dice: [words("text", dice, 1), number("top_k", 20, dice)],
}
ARCHIVES = {"text-classification": "classes", "sparse-embedding": "words"}
DEFAULTS = ("embedding", "text-classification")
"""What their archives do where no task is named."""


def drawn(archive: str) -> Callable[[Schema, random.Random], Any]:
    """Makes bodies for one archive."""
    tasks = [task for task in TASKS if ARCHIVES.get(task, "bert") == archive]

    def draw(schema: Schema, dice: random.Random) -> Any:
        task = dice.choice(tasks)
        tensors, parameters = TASKS[task](dice), dice.choice([{}, {"priority": 1}, {"sequence_id": 7}, {"größe": []}])
        if task not in DEFAULTS or dice.random() < 0.5:
            if dice.random() < 0.3:
                tensors.append(tensor("task", "BYTES", [task], dice, [1]))
            else:
                parameters = parameters | {"task": task}
        body = {"inputs": dice.sample(tensors, len(tensors))}
        body |= dice.choice([{}, {"id": texts.text(dice)}, {"id": None}])
        if parameters or dice.random() < 0.5:
            body["parameters"] = parameters | dice.choice([{}, {}, {"binary_data_output": dice.random() < 0.5}])
        if dice.random() < 0.4:
            wanted = dice.choice([{}, {"parameters": {"binary_data": dice.random() < 0.5}}, {"parameters": {"a": 1}}])
            body["outputs"] = dice.choice([[], None, [{"name": task.replace("-", "_"), **wanted}]])
        return body | dice.choice([{}, {}, {"extra": dice.choice(drawing.OTHERS)}])

    return draw


def encode(body: Any, dice: random.Random) -> Sent:
    """As JSON, or some of its tensors behind it."""
    chosen = [dice.random() < 0.5 for _ in body["inputs"]] if dice.random() < 0.5 else []
    sent, tail = pack(body, chosen)
    text = json.dumps(sent).encode()
    headers = {"content-type": "application/octet-stream" if tail else "application/json"}
    return Sent(text + tail, headers | ({HEADER: str(len(text))} if tail or dice.random() < 0.2 else {}))


def decode(answer: requests.Response) -> Any:
    """With the tensors behind the JSON in it."""
    length = int(answer.headers.get(HEADER, len(answer.content)))
    return unpack(json.loads(answer.content[:length]), answer.content[length:])


def beyond(body: Any) -> str:
    """Blank texts are texts here; ids have to be integers of the vocabulary, and a text has to have one."""
    given = {each["name"]: each for each in body["inputs"]}
    if "input_ids" not in given:
        return ""
    if given["input_ids"]["datatype"] in FLOATS:
        return "token ids that are no integers"
    if any(not 0 <= each < texts.VOCABULARY for each in flat(given["input_ids"]["data"])):
        mask = flat(given["attention_mask"]["data"]) if "attention_mask" in given else [1] * 999
        values = flat(given["input_ids"]["data"])
        kept = [value for value, bit in zip(values, mask, strict=False) if bit]
        return "an id outside the vocabulary" if any(each >= texts.VOCABULARY for each in kept) else ""
    return ""


def flat(data: list[Any]) -> list[Any]:
    """Without its nesting."""
    return [inner for item in data for inner in (flat(item) if isinstance(item, list) else [item])]


def rows(shape: list[int], pairs: bool) -> int:
    """Texts of a tensor, or pairs, which the last of two and more dimensions says."""
    return prod(shape) // (2 if pairs and len(shape) > 1 and shape[-1] == 2 else 1)


def differs(pairs: bool, body: Any, answer: Any) -> str:
    """The client's own id, the outputs it asked for, and as many values as the shape says."""
    if answer["id"] != (body.get("id") or ""):
        return "another id"
    for output in answer["outputs"]:
        if prod(output["shape"]) != len(flat(output["data"])):
            return f"{output['name']} has {len(flat(output['data']))} values and the shape {output['shape']}"
    asked, names = [each["name"] for each in body.get("outputs") or []], [each["name"] for each in answer["outputs"]]
    if asked and asked != names:
        return f"the outputs {names} instead of {asked}"
    given = {each["name"]: each["shape"] for each in body["inputs"]}
    one = given["ids"][0] if len(given.get("ids", ())) == 2 else int("ids" in given)
    wanted = rows(given["text"], pairs) if "text" in given else given.get("input_ids", [one])[0]
    found = answer["outputs"][0]["shape"][0]
    return "" if wanted in (0, found) else f"{found} rows instead of {wanted}"


OWNER = Owner(
    "Open Inference Protocol",
    "kserve/open-inference-protocol, specification/protocol/open_inference_rest.yaml, "
    "d49cc23f89d709d87b210ef9449e273ae243984e",
    [
        Exchange(
            "/v2/models/{archive}/infer",
            [archive],
            REQUEST,
            REPLY,
            beyond,
            partial(differs, archive == "classes"),
            draw=drawn(archive),
            encode=encode,
            decode=decode,
            share=share,
        )
        for archive, share in {"bert": 8, "classes": 3, "words": 1}.items()
    ],
)
