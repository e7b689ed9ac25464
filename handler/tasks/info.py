"""`info`: what this archive is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from handler.call import Encoding, Output
from handler.tasks.base import Task, TextRequest


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
        archive, config = self.archive, self.archive.config
        return {
            "model": archive.name,
            "version": archive.version,
            "task": config.task,
            "tasks": archive.tasks,
            "runtime": archive.runtime,
            "dtype": config.dtype,
            "device": archive.device,
            "labels": archive.head.description.labels if archive.head else [],
            "hidden_size": archive.hidden_size,
            "dimensions": archive.dimensions,
            "vocabulary": archive.encoder.vocabulary,
            "mask": None if archive.encoder.mask is None else archive.encoder.name(archive.encoder.mask),
            "pooling": config.pooling,
            "normalize": config.normalize,
            "prompts": config.prompts,
            "default_prompt": config.default_prompt,
            "truncation": config.truncation,
            "origin": archive.origin,
            "limits": {
                "max_length": config.max_length,
                "max_texts": config.max_texts,
                "max_characters": config.max_characters,
                "max_response_bytes": config.max_response_bytes,
            },
        }
