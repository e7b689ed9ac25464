"""Hugging Face's inference API, for `InferenceClient(".../predictions/{model}/{version}/hf")`.

Schema: https://huggingface.co/docs/inference-providers/tasks. It is the native one with `parameters` for options, but
answers one text without a list around it where transformers' pipelines do.
"""

from __future__ import annotations

from dataclasses import replace

from handler.call import Call, Row
from handler.errors import BertError
from handler.protocols.base import Decoded, Encoded, Tasks, dump
from handler.protocols.native import Native

BARE = ("fill-mask", "token-classification")


class HuggingFace(Native):
    """`hf` is the archive's own task, `hf/{task}` any other."""

    def decode(self, row: Row, tasks: Tasks, default: str) -> Decoded:
        """See `Protocol.decode`."""
        return super().decode(replace(row, path=row.path.partition("/")[2]), tasks, default)

    def encode(self, call: Call) -> Encoded:
        """See the module's first lines."""
        assert call.task is not None
        if call.task.name in BARE and isinstance(getattr(call.request, "inputs", None), str):
            call.answer = call.answer[0]
        return super().encode(call)

    def encode_error(self, error: BertError) -> bytes:
        """Its envelope has the message alone."""
        return dump({"error": str(error)})
