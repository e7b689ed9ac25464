"""What a protocol is: a client's schema on the wire, turned into a task and its request, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import orjson

from handler.call import Call
from handler.errors import BertError, Empty, Invalid, TooLarge, UnknownTask, unknown
from handler.limits import Blank
from handler.model import Capability
from handler.protocols.operations import Archive, Operations
from handler.tasks import TASKS
from handler.tasks.base import Task, TextRequest
from handler.types import Row

Tasks = Mapping[str, Task[Any]]
JSON = "application/json"
BAD_REQUEST: Mapping[type[BertError], int] = {Invalid: 400, Empty: 400, TooLarge: 400}
"""`Protocol.statuses` of servers that answer 400 to whatever is wrong with a body.

Some clients take 422 for a failure that may pass: LangChain's for JavaScript asks seven times before it gives up.
"""
MISSING: Mapping[Capability, str] = {
    "states": "token states (its head is computed with the encoder; pack --task embedding for them)",
    "gradients": "float32 weights (families that run on native, packed or onnx have them there, and not in int8)",
    "multi-vector": "projection of token states (a ColBERT folder or BGE-M3 has one)",
    "hybrid": "sparse_linear.pt and colbert_linear.pt (BGE-M3 has them)",
    "entailment": "classification head with a label that begins with entail (id2label in config.json)",
}
"""What an archive lacks that cannot do a task; a head of another kind is just that."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a row asks for.

    Attributes:
        protocol_state: what the protocol needs again when it writes the answer.
        ignored: keys of the body that were not read; see `handler.protocols.foreign`.
        blank: what becomes of texts without any word.
    """

    task: Task[Any]
    request: TextRequest
    protocol_state: Any = None
    ignored: frozenset[str] = frozenset()
    blank: Blank = "refused"


@dataclass(frozen=True, slots=True)
class EncodedBody:
    """An answer's bytes."""

    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class Protocol(ABC):
    """One wire schema; it has no state.

    Attributes:
        statuses: those of errors to which the owner's server gives another status than `handler.errors`.
    """

    statuses: ClassVar[Mapping[type[BertError], int]] = {}

    @abstractmethod
    def decode(self, row: Row, tasks: Tasks, default: str) -> Decoded:
        """Read a row.

        Args:
            row: the request.
            tasks: what the archive can do.
            default: the task of a request that names none.

        Raises:
            Undecodable, UnknownTask, Invalid: see `handler.errors`.
        """

    def binary(self, call: Call) -> bool:
        """Whether the answer will be bytes instead of JSON."""
        return False

    @abstractmethod
    def encode(self, call: Call) -> EncodedBody:
        """The body for a call that was answered."""

    def status(self, error: BertError) -> int:
        """Of the reply to a call that failed."""
        return self.statuses.get(type(error), error.status)

    @abstractmethod
    def encode_error(self, error: BertError) -> bytes:
        """The JSON for a call that failed, in the schema's own envelope."""

    @abstractmethod
    def operations(self, archive: Archive) -> Operations:
        """Every path that it answers for such an archive, for the OpenAPI document."""


def choose(tasks: Tasks, name: str) -> Task[Any]:
    """The task of that name.

    Raises:
        UnknownTask: there is none, or none that this archive can do; the text lists those it can.
    """
    if name in tasks:
        return tasks[name]
    if name not in TASKS:
        raise UnknownTask(unknown("task", name, tasks))
    missing = MISSING.get(TASKS[name].requires or "ranking", "head")
    raise UnknownTask(f"this archive has no {missing} for {name}; it can do: {', '.join(sorted(tasks))}")


def envelope(error: BertError) -> bytes:
    """This project's own form of an error."""
    return dump({"error": str(error), "error_type": error.error_type})


def dump(value: Any) -> bytes:
    """JSON; floats in the fewest digits that read back as the same number of their own width."""
    vectors = rows(value) if isinstance(value, np.ndarray) and value.ndim > 1 else value
    return orjson.dumps(vectors, option=orjson.OPT_SERIALIZE_NUMPY)


def rows(vectors: Iterable[Any]) -> list[orjson.Fragment]:
    """The JSON of each vector, or of its base64; that of equal ones is made once.

    Writing the digits of a vector takes some 30 times as long as finding that it has been there.
    """
    made: dict[bytes | str, orjson.Fragment] = {}
    keys = [vector.tobytes() if isinstance(vector, np.ndarray) else vector for vector in vectors]
    for key, vector in zip(keys, vectors, strict=True):
        if key not in made:
            made[key] = orjson.Fragment(orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY))
    return [made[key] for key in keys]
