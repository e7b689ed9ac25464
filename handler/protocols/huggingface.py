"""Hugging Face's inference API, for `InferenceClient(".../predictions/{model}/{version}/hf")`.

Schema: https://huggingface.co/docs/inference-providers/tasks. It is the native one with `parameters` for options, but
answers one text without a list around it where transformers' pipelines do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

from handler.call import Call
from handler.errors import BertError
from handler.protocols import arrays, foreign
from handler.protocols.base import Decoded, EncodedBody, Tasks, dump
from handler.protocols.huggingface_bodies import NAMES, Cut, bodies
from handler.protocols.native import Native
from handler.protocols.operations import Archive, Operation, Operations, first_line
from handler.tasks.base import Task
from handler.tasks.inputs import parse
from handler.tasks.response_schemas import REPLIES
from handler.types import Row

TASK_NAMES = {
    "feature-extraction": "embedding",  # what TEI and the Hub answer there for sentence models, not states of tokens
    "sentence-similarity": "similarity",
    "text-ranking": "rerank",
    "ner": "token-classification",
    "sentiment-analysis": "text-classification",
}
"""Names on the Hub and in transformers -> ours; the other tasks have the same name."""
PIPELINE = "pipeline/"
"""What stands before a task in Hugging Face's own addresses."""
KEYS = {"candidate_labels": "zero-shot-classification", "source": "similarity"}
"""Keys that one task alone has. Clients send each of their tasks to an endpoint's one address."""
UNWRAPPED_TASKS = ("fill-mask", "token-classification", "zero-shot-classification")


class HuggingFace(Native):
    """`hf` is the task that has a body's keys, or the archive's own; `hf/{task}` and `hf/pipeline/{task}` any other."""

    def decode(self, row: Row, tasks: Tasks, default: str) -> Decoded:
        """See `Protocol.decode`."""
        name = row.path.partition("/")[2].removeprefix(PIPELINE)
        return super().decode(replace(row, path=TASK_NAMES.get(name, name)), tasks, default)

    def meant(self, fields: dict[str, Any], tasks: Tasks) -> str:
        """See `Native.meant`."""
        return next((task for key, task in KEYS.items() if key in fields and task in tasks), "")

    def flatten(self, fields: dict[str, Any]) -> dict[str, Any]:
        """See `Native.flatten`; a task's inputs may be an object, and cutting has two keys."""
        inputs = fields.get("inputs")
        if isinstance(inputs, dict):
            fields = {key: value for key, value in fields.items() if key != "inputs"} | inputs
        flat: dict[str, Any] = {}
        for key, value in foreign.merged(fields).items():
            if value is not None or NAMES.get(key, key) not in flat:
                flat[NAMES.get(key, key)] = value
        if flat.get("text") is None:
            flat.pop("text", None)  # beside "inputs" it is the same key
        policy = parse(Cut, {key: flat.pop(key, None) for key in Cut.__struct_fields__}).policy
        return flat if policy is None else flat | {"truncation": policy}

    def decoded(self, task: Task[Any], fields: dict[str, Any], strict: bool, state: Any) -> Decoded:
        """See `Native.decoded`. A pipeline of transformers takes any text."""
        request, ignored = foreign.read(task.request, fields, strict)
        return Decoded(task, request, state, ignored, "taken")

    def encode(self, call: Call) -> EncodedBody:
        """See the module's first lines."""
        assert call.task is not None
        if call.task.name in UNWRAPPED_TASKS and isinstance(getattr(call.request, "inputs", None), str):
            call.answer = call.answer[0]
        return super().encode(call)

    def encode_error(self, error: BertError) -> bytes:
        """Its envelope has the message alone."""
        return dump({"error": str(error)})

    def operations(self, archive: Archive) -> Operations:
        """See `Protocol.operations`."""
        names = {name: name for name in archive.tasks} | TASK_NAMES
        able = {name: operation(archive.tasks[task]) for name, task in names.items() if task in archive.tasks}
        return {"hf": able[archive.default]} | {
            f"hf/{before}{name}": found for before in ("", PIPELINE) for name, found in able.items()
        }


def operation(task: type[Task[Any]]) -> Operation:
    """A task's path."""
    replies = REPLIES[task.name]
    if task.name in UNWRAPPED_TASKS:
        replies += tuple(get_args(reply)[0] for reply in replies)
    media = tuple(arrays.FORMATS) if task.numeric else ()
    return Operation(first_line(task.__doc__), bodies(task), replies, media)
