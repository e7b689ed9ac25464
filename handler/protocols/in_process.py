"""Requests of the process that opened an archive: Python values in, no bytes; see `handler.engine`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handler.call import Call
from handler.errors import Invalid, Undecodable
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
        if not isinstance(self.fields, Mapping):
            raise Invalid(f"a request is a {type(self.fields).__name__}; it has to be a dictionary of its keys")
        check_encodable(self.fields)
        return self.decoded(choose(tasks, self.task or default), dict(self.fields), True, None)

    def binary(self, call: Call) -> bool:
        """Answers stay arrays, which need no more memory than as bytes."""
        return True


def check_encodable(value: Any) -> None:
    """Refuse texts that no request over a wire could have, and no tokenizer reads.

    Raises:
        Undecodable: one has half of a character, as a file name of another encoding has in Python.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Undecodable(f"a text has half of a surrogate pair at character {error.start + 1}") from None
    elif isinstance(value, Mapping):
        check_encodable([*value.values()])
    elif isinstance(value, list | tuple):
        for each in value:
            check_encodable(each)
