"""What Hugging Face's clients send to a task: `inputs`, and the rest in `parameters`, by names of transformers."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import msgspec
from msgspec.structs import FieldInfo

from handler.protocols.schemas import body_example
from handler.tasks.base import Task, TextRequest

NAMES = {"doc_stride": "stride", "max_answer_len": "max_answer_length", "source_sentence": "source"}
"""Theirs -> ours."""


class Cut(msgspec.Struct, frozen=True):
    """Keys for what is too long."""

    truncate: bool | None = None
    truncation_direction: Literal["left", "right", "Left", "Right"] | None = None

    @property
    def policy(self) -> str | None:
        """Ours; None where neither key says anything."""
        if self.truncate is False:
            return "error"
        if self.truncation_direction is None:
            return "right" if self.truncate else None
        return self.truncation_direction.lower()


@cache
def bodies(task: type[Task[Any]]) -> tuple[type[msgspec.Struct], ...]:
    """A task's body, for the OpenAPI document; none for a task without keys.

    `inputs` is the task's own key, or for one that needs others an object with those.
    """
    needed = body_example(task.request)
    if not needed:
        return ()
    name = f"HuggingFace{task.request.__name__.removesuffix(TextRequest.__name__.removeprefix('Text'))}"
    found = {each.name: each for each in msgspec.structs.fields(task.request) if each.name != "truncation"}
    inputs = found.pop("inputs", None)
    if inputs is None or "inputs" not in needed:
        own: Any = msgspec.defstruct(f"{name}Inputs", [keyed(found.pop(key))[:2] for key in needed])
    else:
        own = inputs.type
    parameters = msgspec.defstruct(f"{name}Parameters", map(keyed, found.values()), bases=(Cut,), kw_only=True)
    rest = any(each.required for each in found.values())
    keys = [("inputs", own), ("parameters", parameters) if rest else ("parameters", parameters | None, None)]
    return (msgspec.defstruct(name, keys, namespace={"__doc__": f"Body of `hf/{task.name}`."}),)


def keyed(field: FieldInfo) -> tuple[Any, ...]:
    """A key by its name there, its type, and its default if it has one."""
    theirs = {ours: name for name, ours in NAMES.items()}
    key = theirs.get(field.name, field.name), field.type
    return key if field.required else (*key, field.default)
