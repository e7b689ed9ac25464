"""Requests of the process that opened an archive: Python values in, no bytes; see `handler.engine`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handler.call import Call
from handler.protocols.base import Decoded, Tasks, choose
from handler.protocols.native import Native
from handler.types import Row

ROW = Row({}, trusted=True)
"""Nothing came over a wire."""


class InProcess(Native):
    """One request: a task's name, empty for the archive's own, and its keys as in the native schema's JSON."""

    def __init__(self, task: str, fields: Mapping[str, Any]) -> None:
        self.task = task
        self.fields = fields

    def decode(self, row: Row, tasks: Tasks, default: str) -> Decoded:
        """See `Protocol.decode`."""
        return self.decoded(choose(tasks, self.task or default), dict(self.fields), True, None)

    def binary(self, call: Call) -> bool:
        """Answers stay arrays, which need no more memory than as bytes."""
        return True
