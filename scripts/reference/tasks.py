"""`tasks.md`: each task's request and response, from the structs that validate and document them."""

from __future__ import annotations

import json
from inspect import cleandoc
from textwrap import wrap
from typing import Any

import msgspec

from handler.config import describe
from handler.model import Capability
from handler.protocols import arrays
from handler.protocols.schemas import ONE, body_example
from handler.tasks import TASKS
from handler.tasks.base import Task
from handler.tasks.response_schemas import REPLIES
from scripts.reference.markdown import block, code, first, page, table
from scripts.reference.schemas import default, kind, properties, shape

INTRODUCTION = """\
`POST /predictions/{model}` runs the model's default task. `POST /predictions/{model}/{version}/{task}` runs any other,
as does the key `"task"` in the body. Keys without a default are optional. `text` is another name for `inputs`. An
unknown key is refused with 422, and the error names the nearest known one."""
NEEDS: dict[Capability, str] = {
    "states": "states of tokens, which a few archives [lack](../models.md#heads-of-other-families)",
    "sequence": "a sequence classification head",
    "tokens": "a token classification head",
    "span": "a question answering head",
    "vocabulary": "a masked language modeling head",
    "multi-vector": "a model of late interaction (ColBERT, BGE-M3)",
    "sparse": "a masked language modeling head, or a layer for weights of words (BGE-M3)",
    "hybrid": "layers for weights of words and for vectors of tokens beside embeddings (BGE-M3)",
    "entailment": "a sequence classification head with a label that begins with `entail`",
    "ranking": "a sequence classification head with one label, or no such head",
    "gradients": "weights that are not int8, and the runtime auto, native, packed or onnx",
}


def tasks() -> str:
    """The page."""
    return page("Tasks", INTRODUCTION, overview(), *(section(task) for task in TASKS.values()))


def overview() -> str:
    """One line per task."""
    rows = [(f"[`{task.name}`](#{task.name})", first(task.__doc__), requirement(task)) for task in TASKS.values()]
    return table(("task", "what", "requires"), rows)


def requirement(task: type[Task[Any]]) -> str:
    """What an archive must have."""
    return NEEDS[task.requires] if task.requires else "nothing"


def section(task: type[Task[Any]]) -> str:
    """A task."""
    body = body_example(task.request)
    parts = [f"## {task.name}", cleandoc(task.__doc__ or ""), facts(task), "Keys of the request:", keys(task)]
    if body:
        parts += ["Example:", block(json.dumps(body, ensure_ascii=False), "json")]
    return "\n\n".join([*parts, "Response:", block(answers(task.name), "text")])


def facts(task: type[Task[Any]]) -> str:
    """What holds for the task as a whole."""
    found = [f"- Requires: {requirement(task)}."]
    if cuts(task):
        found.append(f"- Default truncation: {code(task.truncation)}.")
    if task.numeric:
        found.append(f"- Binary responses with `Accept`: {', '.join(map(code, arrays.FORMATS))}.")
    return "\n".join(found)


def cuts(task: type[Task[Any]]) -> bool:
    """Whether it truncates long texts."""
    return task.truncates and task.takes_text


def keys(task: type[Task[Any]]) -> str:
    """The keys of a body, the task's own before those of every task."""
    schemas, components = properties(task.request)
    meanings = describe(task.request) | (
        {} if cuts(task) else {"truncation": "accepted, but has no effect on this task"}
    )
    names = sorted(schemas, key=lambda name: name == "truncation")
    rows = [
        (code(name), kind(schemas[name], components), default(task.request, name), meanings.get(name, ""))
        for name in names
    ]
    return table(("key", "type", "default", "meaning"), rows)


def answers(name: str) -> str:
    """The shapes of a response, the usual one first."""
    schemas, components = msgspec.json.schema_components(REPLIES[name], ref_template=ONE)
    return "\nor\n".join(wrapped(shape(schema, components)) for schema in schemas)


def wrapped(text: str) -> str:
    """In lines, none of which ends between a key and its value."""
    whole = text.replace(": ", ":\0")
    lines = wrap(whole, 110, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace(":\0", ": ")
