"""TorchServe's messages between its frontend and a worker, read and written as whole messages.

TorchServe's own functions ask the socket for each field by itself, about forty-five system calls per request, and put
answers together number by number. These have the same signatures and take their places. The format is that of
`ts/protocol/otf_message_handler.py`, TorchServe 0.12: big-endian 32-bit lengths before each field, -1 after a list.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from socket import SO_SNDBUF, SOL_SOCKET, socket
from time import perf_counter
from typing import Any, NamedTuple

CHUNK = 1 << 18
ROOM = 8 << 20  # for a batch of large answers; the system gives as much of it as it allows
MOST_PARTS = 1000
"""Of a form that are kept. The frontend splits forms without a limit: one of 16 MiB may have eight million fields."""
INTEGER = struct.Struct("!i")
END = bytearray()
"""What `field` gives for the end of a list; another object than any empty field."""


class Inputs(dict[str, bytearray]):
    """The body of a request, or the first parts of a form; `excess` where there were more of them than `MOST_PARTS`."""

    excess = False


class Request(NamedTuple):
    """One request of a batch.

    Attributes:
        identity: the frontend's own, which its answer must name.
        headers: of the request, and under each input's name its media type as `{"content-type": ...}`.
        inputs: the body, or the parts of a form.
    """

    identity: str
    headers: dict[str, Any]
    inputs: dict[str, bytearray]


class Reader:
    """Takes the places of `_retrieve_buffer` and, as `requests`, of `_retrieve_inference_msg`."""

    def __init__(self) -> None:
        self.arrived = bytearray()
        self.at = 0  # what lies before has been taken
        self.widened = False
        self.idle = 0.0
        """Seconds spent waiting for the server to send something, so far."""

    def __call__(self, connection: socket, length: int) -> bytearray:
        """The next `length` bytes."""
        taken = self.take(connection, length)
        self.drop()
        return taken

    def requests(self, connection: socket) -> list[Request]:
        """A batch; inputs stay as bytes, whatever their media type."""
        found = []
        while (identity := self.field(connection)) is not END:
            found.append(self.request(connection, identity.decode()))
            self.drop()  # or a batch of large bodies would be in memory twice
        self.drop()
        return found

    def request(self, connection: socket, identity: str) -> Request:
        """What follows the identity of a request."""
        headers: dict[str, Any] = {}
        types: dict[str, Any] = {}
        inputs = Inputs()
        while (field := self.field(connection)) is not END:
            headers[field.decode()] = self.field(connection).decode()
        for _ in range(MOST_PARTS):
            if (field := self.field(connection)) is END:
                break
            name = field.decode()
            types[name] = {"content-type": self.field(connection).decode()}
            inputs[name] = self.field(connection)
        else:
            inputs.excess = self.skip(connection) > 0
        return Request(identity, types | headers, inputs)

    def skip(self, connection: socket) -> int:
        """Pass over the fields up to the end of their list, in a tenth of the time of keeping them; their number."""
        at, arrived, length_at = self.at, self.arrived, INTEGER.unpack_from
        count = 0
        while True:
            try:
                (length,) = length_at(arrived, at)
            except struct.error:
                self.fill(connection, at + INTEGER.size)
                continue
            at += INTEGER.size
            if length < 0:
                self.at = at
                return count
            at += length
            count += 1

    def field(self, connection: socket) -> bytearray:
        """A length and as many bytes; `take` in place, since each request has some seventeen fields."""
        start = self.at + INTEGER.size
        if len(self.arrived) < start:
            self.fill(connection, start)
        (length,) = INTEGER.unpack_from(self.arrived, self.at)
        if length < 0:
            self.at = start
            return END
        self.at = end = start + length
        if len(self.arrived) < end:
            self.fill(connection, end)
        return self.arrived[start:end]

    def take(self, connection: socket, length: int) -> bytearray:
        """That many bytes from where reading stands."""
        start, end = self.at, self.at + length
        if len(self.arrived) < end:
            self.fill(connection, end)
        self.at = end
        return self.arrived[start:end]

    def fill(self, connection: socket, wanted: int) -> None:
        """Receive until that many bytes are there; ends the process when the frontend has gone, as TorchServe does."""
        if not self.widened:  # otherwise Java empties 200 KB at a time while this worker waits to send the rest
            connection.setsockopt(SOL_SOCKET, SO_SNDBUF, ROOM)
            self.widened = True
        while len(self.arrived) < wanted:
            start = perf_counter()
            packet = connection.recv(max(CHUNK, wanted - len(self.arrived)))
            self.idle += perf_counter() - start
            if not packet:
                sys.exit(0)
            self.arrived += packet

    def drop(self) -> None:
        """Forget what was taken; cheap, since a bytearray drops its head without moving the rest."""
        del self.arrived[: self.at]
        self.at = 0


def encode_response(
    bodies: Sequence[bytes], identities: Mapping[int, str], message: str, code: int, context: Any
) -> bytes:
    """The answers to a batch, as `create_predict_response` writes them."""
    parts = [INTEGER.pack(code), encoded_text(message)]
    for index, identity in identities.items():
        headers = context.get_response_headers(index)
        status, phrase = context.get_response_status(index)
        parts += length_prefixed(identity.encode())
        parts += (
            encoded_text(headers["content-type"]),
            INTEGER.pack(status),
            encoded_text(phrase),
            INTEGER.pack(len(headers)),
        )
        for name, value in headers.items():
            parts += (encoded_text(name), encoded_text(value))
        parts += length_prefixed(bodies[index])
    return b"".join((*parts, INTEGER.pack(-1)))


def length_prefixed(field: bytes) -> tuple[bytes, bytes]:
    """A field and its length before it."""
    return INTEGER.pack(len(field)), field


@lru_cache(1024)  # the names of headers are always the same, and most values are, too, within a batch
def encoded_text(text: str) -> bytes:
    """A text as a field."""
    return b"".join(length_prefixed(text.encode()))
