"""A stand-in for TorchServe, for tests of what is in front of it."""

from __future__ import annotations

import threading
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANY = 1000
ABOUT = b'{"version": "1.0", "task": "embedding", "dimensions": 2}'


class StandIn(ThreadingHTTPServer):
    """Answers 200 to whatever comes, or one of `failures` first; `seen` has the header that tells requests apart.

    Its body is what a model says of itself. `paths` has the addresses of requests, `asked` their headers, `sizes` the
    bytes of their bodies; `headers` are those of all answers.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.gate, self.seen, self.failures = threading.Semaphore(MANY), list[str](), list[int]()
        self.paths, self.asked, self.headers = list[str](), list[Message](), dict[str, str]()
        self.sizes = list[int]()
        super().__init__((host, port), Answer)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """HAProxy's checks connect and reset."""

    def close(self) -> None:
        """As a process that was killed: nobody listens."""
        self.shutdown()
        self.server_close()


class Answer(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: StandIn

    def do_POST(self) -> None:
        """Called by `http.server`."""
        self.server.sizes.append(self.size())
        self.server.seen.append(self.headers.get("x-name", ""))
        self.server.paths.append(self.path)
        self.server.asked.append(self.headers)
        self.server.gate.acquire(timeout=30)
        self.send_response(self.server.failures.pop() if self.server.failures else 200)
        self.send_header("content-length", str(len(ABOUT)))
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("connection", "close")  # or a server that is closed would go on over its old connections
        self.end_headers()
        self.wfile.write(ABOUT)

    def size(self) -> int:
        """Bytes of the body, which is read; one in chunks has no length."""
        if length := self.headers["content-length"]:
            return len(self.rfile.read(int(length)))
        total = 0
        while size := int(self.rfile.readline(), 16):
            total += len(self.rfile.read(size + 2)) - 2
        self.rfile.readline()
        return total

    def log_message(self, *_: object) -> None:
        """Nothing."""
