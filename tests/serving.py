"""A server for the clients' tests that answers what it is told to, and both clients behind the methods of one."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from time import sleep
from typing import Any

import numpy as np

from bert_client import AsyncBertClient, BertClient

NPY = "application/x-npy"


def npy(array: Any) -> bytes:
    """As `numpy.save` writes it."""
    stream = BytesIO()
    np.save(stream, np.asarray(array, dtype=np.float32))
    return stream.getvalue()


class Connections(ThreadingHTTPServer):
    """Remembers them, so that they end with the server, as in a process that ends."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.open: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, Any]:
        """See `socketserver`."""
        connection, address = super().get_request()
        self.open.append(connection)
        return connection, address

    def handle_error(self, *_: object) -> None:
        """A client that has left is no error."""

    def server_close(self) -> None:
        """See `socketserver`."""
        super().server_close()
        for connection in self.open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class FakeServer:
    """Answers of a list in turn, then by task.

    Args:
        port: of loopback; 0 is a free one.
        answers: the first ones.

    `answers` holds a status, a body and maybe headers, or None for a connection that is lost; `seen` the paths, headers
    and bodies of requests.
    """

    def __init__(self, port: int = 0, answers: Iterable[Any] = ()) -> None:
        self.answers: list[Any] = list(answers)
        self.seen: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.about: dict[str, Any] = {"pooling": "mean"}
        self.delay = 0.0  # seconds each answer takes
        self.gate = threading.Event()  # answers wait for it
        self.gate.set()
        self.running = self.most_running = 0
        self.lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with fake.lock:
                    fake.running += 1
                    fake.most_running = max(fake.most_running, fake.running)
                    fake.seen.append(body)
                    fake.paths.append(self.path)
                    fake.headers.append({name.lower(): value for name, value in self.headers.items()})
                    answer = fake.answers.pop(0) if fake.answers else fake.echo(body, self.path)
                sleep(fake.delay)
                fake.gate.wait()
                with fake.lock:
                    fake.running -= 1
                if answer is None:
                    self.close_connection = True
                    return
                status, content, *headers = answer
                self.send_response(status)
                for name, value in {"content-length": len(content), **(headers[0] if headers else {})}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(content)
                if headers and "content-length" in headers[0]:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self.http = Connections(("127.0.0.1", port), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.http.server_port}"

    def echo(self, body: dict[str, Any], path: str) -> Any:
        """Numbers that tell which text they are of."""
        task = body.get("task") or path.rsplit("/", maxsplit=1)[-1]
        if task == "info":
            return 200, json.dumps({"model": "bert", **self.about}).encode()
        if task == "embedding":
            return 200, npy([[float(text), 0.5] for text in body["inputs"]])
        if task in ("hidden-states", "multi-vector"):
            lengths = [int(text) for text in body["inputs"]]
            lengths_header = {"x-lengths": ",".join(map(str, lengths))}
            return 200, npy([[length, row] for length in lengths for row in range(length)]), lengths_header
        if task == "similarity":
            return 200, npy([float(body["source"]) * float(sentence) for sentence in body["sentences"]])
        return 200, json.dumps(as_json(task, body)).encode()

    def close(self) -> None:
        """End it."""
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def as_json(task: str, body: dict[str, Any]) -> Any:
    """An answer that is no array; by default, what was asked."""
    if task == "word-vectors":
        neighbours = [{"token": "queen", "id": 7, "score": 0.5}][: body.get("top_k", 0)]
        return [{"vector": [1, 2], "neighbours": neighbours} for _ in body["inputs"]]
    if task == "zero-shot-classification":
        return [[{"label": label, "score": 0.5} for label in body["candidate_labels"]] for _ in body["inputs"]]
    if task == "chunk-embedding":
        return [[{"start": 0, "stop": int(text), "embedding": [1, 2]}] for text in body["inputs"]]
    if task == "hybrid-embedding":
        kinds = {"dense": [1, 2], "sparse": [{"index": 3, "value": 0.5}], "multi_vector": [[1, 2]]}
        return [{kind: kinds[kind] for kind in body["outputs"]} for _ in body["inputs"]]
    return {"asked": body}


class Blocking:
    """An `AsyncBertClient` behind the methods of `BertClient`: one event loop, run until each call is done."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.runner = asyncio.Runner()
        self.client = AsyncBertClient(*args, **options)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)
        return lambda *args, **options: self.runner.run(awaited(method(*args, **options)))

    def stream(self, *args: Any, **options: Any) -> Iterator[Any]:
        """Block by block."""
        blocks = self.client.stream(*args, **options)
        try:
            while True:
                try:
                    yield self.runner.run(anext(blocks))
                except StopAsyncIteration:
                    return
        finally:
            self.runner.run(blocks.aclose())

    def __enter__(self) -> Blocking:
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.run(self.client.close())
        self.runner.close()


async def awaited(coroutine: Any) -> Any:
    """A coroutine of any kind as one of `async def`."""
    return await coroutine


CLIENTS: dict[str, Any] = {"sync": BertClient, "async": Blocking}


@contextmanager
def fake_server(port: int = 0) -> Iterator[FakeServer]:
    """One that ends with the block."""
    server = FakeServer(port)
    try:
        yield server
    finally:
        server.close()
