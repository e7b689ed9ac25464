"""HTTP over a Unix socket, with the standard library alone: the supervisor, which imports this, is to stay small."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple

ERRORS = (OSError, HTTPException)
"""What a request may raise: nobody listens, the answer is late or is none."""


class Answer(NamedTuple):
    """What came back; header names are as they were sent."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection(HTTPConnection):
    """To a socket in the file system; kept open from one request to the next."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))

    def cut(self) -> None:
        """End a wait for an answer in another thread, which gets an error."""
        with suppress(AttributeError, OSError):  # nothing is asked now
            self.sock.shutdown(socket.SHUT_RDWR)

    def ask(
        self,
        method: str,
        address: str,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One request.

        Args:
            method: HTTP's.
            address: path and query.
            timeout: seconds to wait for each piece of the answer.
            headers: beside those that HTTP needs.
            body: what is sent.

        Raises:
            OSError: nobody listens there, or the answer did not come in time.
            HTTPException: what came is not HTTP.
        """
        self.timeout = timeout
        if self.sock is not None:
            self.sock.settimeout(timeout)
        try:
            self.request(method, address, body, headers or {})
            answer = self.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        except ERRORS:
            self.close()
            raise
