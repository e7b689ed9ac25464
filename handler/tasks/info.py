"""`info`: what this archive is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from handler.tasks.base import Task, TextRequest
from handler.types import Encoding, Output


class InfoRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `info`: nothing."""


class Info(Task[InfoRequest]):
    """Description of the archive: model, version, tasks, limits, runtime, precision, origin."""

    name = "info"
    request = InfoRequest
    forward = False
    takes_text = False

    def answer(
        self, request: InfoRequest, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]]
    ) -> dict[str, Any]:
        """A flat description, and the limits apart."""
        model, config = self.model, self.model.config
        return {
            "model": model.name,
            "version": model.version,
            "task": config.task,
            "tasks": model.tasks,
            "runtime": model.runtime,
            "dtype": config.dtype,
            "device": model.device,
            "labels": model.head.description.labels if model.head else [],
            "hidden_size": model.hidden_size,
            "dimensions": model.dimensions,
            "vocabulary": model.tokenizer.vocabulary,
            "mask": None if model.tokenizer.mask is None else model.tokenizer.name(model.tokenizer.mask),
            "pooling": config.pooling,
            "include_prompt": config.include_prompt,
            "normalize": config.normalize,
            "prompts": config.prompts,
            "default_prompt": config.default_prompt,
            "truncation": config.truncation,
            "origin": model.provenance,
            "notes": list(model.notes),
            "limits": {
                "max_length": config.max_length,
                "max_texts": config.max_texts,
                "max_characters": config.max_characters,
                "max_response_bytes": config.max_response_bytes,
            },
        }
