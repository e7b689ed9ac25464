"""A keep-alive HTTP/1.1 connection for load: as little work per request as Python allows.

The load shares its cores with the server it measures, so that whatever it spends is taken from the server.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
LAST_CHUNK = b"\r\n0\r\n\r\n"
CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
STATUS = slice(9, 12)  # HTTP/1.1 200
TIMEOUT_SECONDS = 120


class UnknownLength(ConnectionError):
    """An answer with neither a content-length nor chunks; servers measured here give one of them."""


class Connection(asyncio.Protocol):
    """Opened when needed, and again after the server has closed it; one request at a time."""

    def __init__(self, host: str, port: int, patience: float | None = None) -> None:
        self.address = (host, port)
        self.patience = patience or TIMEOUT_SECONDS  # seconds that an answer may take
        self.transport: Any = None
        self.answer: asyncio.Future[int] | None = None
        self.due = 0.0  # when the answer is late
        self.arrived = bytearray()
        self.whole = 0  # bytes of head and body, once the head is there

    async def post(self, path: str, body: bytes, more: str = "") -> int:
        """Send JSON, with `more` header lines, and wait for the whole answer; its status.

        Raises:
            ConnectionError: the connection cannot be made, or ended before the answer did.
            TimeoutError: no whole answer within `patience`.
            UnknownLength: the answer does not say how long it is.
        """
        loop = asyncio.get_running_loop()
        self.due = loop.time() + self.patience
        self.arrived.clear()
        self.whole = 0
        if self.transport is None:
            await loop.create_connection(lambda: self, *self.address)
        self.answer = loop.create_future()
        head = f"POST {path} HTTP/1.1\r\nhost: {self.address[0]}\r\ncontent-type: application/json\r\n{more}"
        self.transport.write(b"%scontent-length: %d\r\n\r\n%s" % (head.encode(), len(body), body))
        return await self.answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self.transport = transport
        self.watch(asyncio.get_running_loop())

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """One timer for all requests of the connection, set anew only when it has run out; one left idle is closed."""
        if loop.time() >= self.due:
            self.fail(TimeoutError(f"no answer within {self.patience:g} s"))
            self.close()
        elif self.transport is not None:
            loop.call_at(self.due, self.watch, loop)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio; the answer is complete when its length has come."""
        self.arrived += data
        if not self.whole and not self.measure():
            return
        if len(self.arrived) < self.whole or self.answer is None or self.answer.done():
            return
        if CLOSES.search(self.arrived, 0, self.whole):
            self.close()
        self.answer.set_result(int(self.arrived[STATUS]))

    def measure(self) -> bool:
        """Whether the head is there; its length and the body's go into `whole`."""
        end = self.arrived.find(b"\r\n\r\n")
        if end < 0:
            return False
        length = LENGTH.search(self.arrived, 0, end)
        if length is None and CHUNKED.search(self.arrived, 0, end):  # one answer at a time: the last chunk is the end
            self.whole = len(self.arrived) if self.arrived.endswith(LAST_CHUNK) else 0
            return self.whole > 0
        if length is None:
            self.fail(UnknownLength(bytes(self.arrived[:end]).decode("latin-1")))
            self.close()
            return False
        self.whole = end + 4 + int(length[1])
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self.transport = None
        self.fail(ConnectionResetError("the server closed the connection before its answer was whole"))

    def fail(self, error: OSError) -> None:
        """End the wait for an answer with an error."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(error)

    def close(self) -> None:
        """Forget the connection; the next request opens another."""
        if self.transport is not None:
            self.transport.close()
            self.transport = None
