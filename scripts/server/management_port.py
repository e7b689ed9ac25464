"""The management API on a port of loopback, for people and scripts of the server's own user, or with its key.

TorchServe asks nobody for a key at this port, and whoever can reach it can scale a model to nothing. So Java listens on
a socket in a folder that only the server's user can enter, and this port passes on what that user sends, or who has the
key of the name `management`, except what loads and unloads models, which `bert start`, `upgrade` and `retire` do with
care for what runs.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

from scripts.server import keys, unix_http
from scripts.server.state import Server

SECONDS = 600
"""For an answer: a `PUT` with `synchronous=true` waits until workers have loaded their model."""
TABLE = Path("/proc/net/tcp")
"""Linux's table of connections, with the user of each end: proc_net_tcp in the kernel's documentation."""
LOCAL, REMOTE, STATE, USER = 1, 2, 3, 7
"""Its columns."""
ESTABLISHED = "01"
"""A connection that its owner has closed belongs to user 0 there."""
USERS = (0, os.getuid())
"""Root may do as it likes anyway."""
PRINTABLE = set(map(chr, range(ord("!"), ord("~") + 1)))
MOST = 1 << 20
"""Bytes of a request's body."""
KEYED = f"whoever sends the key of the name {keys.MANAGEMENT}, which --auth makes and a file of --keys may have"
DROPPED = {"connection", "content-length", "transfer-encoding", "content-encoding", "keep-alive"}
"""Headers of an answer that belong to the connection it came by."""


def serve(server: Server) -> ThreadingHTTPServer | None:
    """Listen in threads of this process; None on a system that does not say whose a connection is.

    Raises:
        OSError: the port is taken.
    """
    if not TABLE.exists():
        return None

    class Bound(Relay):
        socket_path = server.management_socket
        key_file = Path(server.key_list) if server.key_list else None

    listener = Listener(("127.0.0.1", server.management_port), Bound)
    Thread(target=listener.serve_forever, name="management", daemon=True).start()
    return listener


class Listener(ThreadingHTTPServer):
    """Says nothing of clients that have left, each of which would have a traceback in a log of the server."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what else went wrong."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Relay(BaseHTTPRequestHandler):
    """One request of one user to TorchServe's socket."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    socket_path: ClassVar[Path]
    key_file: ClassVar[Path | None]

    def relay(self) -> None:
        """Pass a request on and its answer back."""
        if not self.allowed():
            self.close_connection = True  # its body was not read
            return self.say(403, f"the management API answers the user who started the server, and {KEYED}")
        if not set(self.path) <= PRINTABLE:
            return self.say(400, "the address holds characters that no address has")
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MOST:
            self.close_connection = True
            return self.say(413, f"a body of at most {MOST} bytes; requests of this API have none")
        body = self.rfile.read(int(length))
        try:
            kind = self.headers.get("content-type")
            headers = {"content-type": kind} if kind else {}
            with closing(unix_http.Connection(self.socket_path)) as connection:
                answer = connection.ask(self.command, self.path, SECONDS, headers, body)
        except unix_http.ERRORS as error:
            return self.say(503, f"TorchServe does not answer: {type(error).__name__}")
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in DROPPED}
        return self.answer(answer.status, answer.body, kept)

    def allowed(self) -> bool:
        """Whether it is a request of the server's user, or carries the key for this."""
        if owner(self.client_address, self.connection.getsockname()) in USERS:
            return True
        return self.key_file is not None and keys.manages(self.key_file, self.headers.get("authorization", ""))

    do_GET = do_PUT = do_OPTIONS = relay

    def refuse(self) -> None:
        """What changes which models there are."""
        self.close_connection = True
        self.say(405, "models are loaded by scripts/bert start, upgrade and retire")

    do_POST = do_DELETE = do_HEAD = do_PATCH = refuse

    def say(self, status: int, message: str) -> None:
        """An error as TorchServe writes its own."""
        body = f'{{"code": {status}, "type": "Management", "message": "{message}"}}\n'.encode()
        self.answer(status, body, {"content-type": "application/json"})

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Status, headers and body."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: addresses may carry what is nobody's business."""


def owner(client: tuple[str, int], own: tuple[str, int]) -> int | None:
    """The user id of the process at the other end of a connection of this machine; None if it has closed its end.

    Args:
        client: address and port of that end.
        own: of this one.
    """
    ends = end(*client), end(*own)
    for line in TABLE.read_text("ascii").splitlines()[1:]:
        columns = line.split()
        if (columns[LOCAL], columns[REMOTE]) == ends and columns[STATE] == ESTABLISHED:
            return int(columns[USER])
    return None


def end(address: str, port: int) -> str:
    """As the table writes it: the address as a number of this machine's byte order."""
    return f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}:{port:04X}"
