"""The first request to a model that was just started: one that its own task can answer."""

from __future__ import annotations

from typing import Any

TEXT = "Hello, how are you?"
BODIES: dict[str, dict[str, Any]] = {
    "question-answering": {"question": "Who lives in London?", "context": "Ada lives in London."},
    "rerank": {"query": "Who lives in London?", "texts": ["It rains.", "Ada lives in London."]},
    "similarity": {"source": "a cat", "sentences": ["a kitten", "a car"]},
    "fill-mask": {"inputs": "Hello, how are {mask}?"},
    "zero-shot-classification": {"inputs": TEXT, "candidate_labels": ["a greeting", "a question"]},
    "sparse-embedding": {"inputs": TEXT, "input_type": "document"},  # a router may have no default side
    "decode": {"ids": [1]},
    "info": {},
}
"""By task, where it wants something else than a text."""


def body(info: Any) -> dict[str, Any]:
    """A request to the task that an archive answers by default; `info` is what it says of itself.

    An archive that is not of this project may say anything.
    """
    known: dict[str, Any] = info if isinstance(info, dict) else {}
    asked = BODIES.get(str(known.get("task")), {"inputs": TEXT})
    mask = str(known.get("mask"))
    return {key: value.replace("{mask}", mask) if isinstance(value, str) else value for key, value in asked.items()}


def bodies(info: Any) -> list[dict[str, Any]]:
    """`body`, and a request for an embedding where the archive makes some."""
    known: dict[str, Any] = info if isinstance(info, dict) else {}
    embeds = "embedding" in known.get("tasks", []) and known.get("task") != "embedding"
    return [body(info), *([{"task": "embedding", "inputs": TEXT}] if embeds else [])]


def texts_task(info: Any) -> str:
    """What a load of texts asks an archive for: an embedding, or its own task where it makes none."""
    known: dict[str, Any] = info if isinstance(info, dict) else {}
    return "embedding" if "embedding" in known.get("tasks", ["embedding"]) else str(known.get("task"))


def fields(task: str) -> dict[str, Any]:
    """What a request of texts says beside them; vectors are asked for as bytes."""
    asked = {"embedding": {"inputs": TEXT, "encoding_format": "base64"}, **BODIES}.get(task, {})
    return {"task": task, **{key: value for key, value in asked.items() if "inputs" in asked and key != "inputs"}}


def version(info: Any) -> str | None:
    """The version of an archive of this project, which has a page and OpenAI's addresses; None for another."""
    return str(info["version"]) if isinstance(info, dict) and {"version", "tasks"} <= set(info) else None
