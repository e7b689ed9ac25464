"""Servers to compare with: how each is started, and how it is asked for vectors."""

from __future__ import annotations

import base64
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import psutil
import requests
from numpy.typing import NDArray

from benchmarks.peers import environments
from scripts.load import served
from scripts.packing import pack
from scripts.paths import ROOT
from scripts.server import launch, local, stop
from scripts.server.preflight import Options

SERVERS = ROOT / "benchmarks" / "peers" / "servers"
"""A folder for each server of others: its requirements, and `server.py`, which takes a checkpoint and a port."""
START_SECONDS = 120
BASE64 = {"encoding_format": "base64", "model": "bert"}


@dataclass(frozen=True, slots=True)
class Server:
    """How to start a server and how to ask it.

    Attributes:
        path: of its route.
        key: of the texts in the body.
        fields: the body's other keys.
        vectors: from its decoded answer; None for a server of hidden states, whose mean is taken.
        single: whether it takes one text and not a list.
        folder: of `SERVERS`; empty for our own archive.
        arguments: of its `server.py`, after checkpoint and port.
        settings: of our own archive.
    """

    path: str
    key: str
    fields: dict[str, Any]
    vectors: Callable[[Any], Any]
    single: bool = False
    folder: str = ""
    arguments: tuple[str, ...] = ()
    settings: dict[str, Any] | None = None

    def url(self, port: int) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{port}{self.path}"

    def target(self, port: int, pids: Sequence[int]) -> served.Target:
        """As the load generator knows it."""
        return served.Target(self.url(port), self.fields, self.key, pids, self.single)


def openai_vectors(answer: Any) -> list[Any]:
    """Base64 or lists, as OpenAI's schema has them."""
    found = [item["embedding"] for item in answer["data"]]
    return [np.frombuffer(base64.b64decode(item), "<f4") if isinstance(item, str) else item for item in found]


def ours(dtype: str, **settings: Any) -> Server:
    """Our archive in one dtype, through its OpenAI route."""
    path, handler = "/predictions/bert/1.0/v1/embeddings", {"handler": {"dtype": dtype} | settings}
    return Server(path, "input", BASE64, openai_vectors, settings=handler)


def infinity(*arguments: str) -> Server:
    """Infinity with one of its engines."""
    return Server("/embeddings", "input", BASE64, openai_vectors, folder="infinity", arguments=arguments)


@contextmanager
def serving(server: Server, checkpoint: Path, port: int) -> Iterator[list[int]]:
    """Run a server on a port; the ids of its processes."""
    run = others(server, checkpoint, port) if server.folder else our_own(server, checkpoint, port)
    with run as pids:
        yield pids


@contextmanager
def our_own(server: Server, checkpoint: Path, port: int) -> Iterator[list[int]]:
    """This project's, with what one configuration says."""
    with tempfile.TemporaryDirectory() as store:
        pack.pack(checkpoint, "bert", "1.0", server.settings or {}, Path(store))
        started = launch.start(Options(Path(store), ["bert"], inference_port=port))
        try:
            yield process_tree(started.pid)
        finally:
            stop.stop(started, 5)


@contextmanager
def others(server: Server, checkpoint: Path, port: int) -> Iterator[list[int]]:
    """One of `SERVERS`, in its own environment."""
    folder = SERVERS / server.folder
    command = [str(environments.python(folder)), "server.py", str(checkpoint), str(port), *server.arguments]
    with (environments.CACHE / f"{server.folder}-{port}.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        yield process_tree(process.pid)
    finally:
        for pid in reversed(process_tree(process.pid)):
            with suppress(psutil.NoSuchProcess):
                psutil.Process(pid).kill()
        process.wait()


def process_tree(pid: int) -> list[int]:
    """A process and all it started."""
    process = psutil.Process(pid)
    return [process.pid, *(child.pid for child in process.children(recursive=True))]


def embed(name: str, server: Server, port: int, texts: Sequence[str], pid: int) -> NDArray[np.float64]:
    """`(texts, hidden)` of a server that may still be starting, one request per text.

    Raises:
        RuntimeError: it does not answer in `START_SECONDS`, or its process has ended.
    """
    deadline, found = monotonic() + START_SECONDS, []
    for text in texts:
        body = {server.key: text if server.single else [text], **server.fields}
        found.append(server.vectors(first_answer(name, server.url(port), body, deadline, pid))[0])
    return np.asarray(found, np.float64)


def first_answer(name: str, url: str, body: dict[str, Any], deadline: float, pid: int) -> Any:
    """Asked until it answers."""
    while True:
        said = "nothing"
        with suppress(requests.RequestException):
            answer = local.request("POST", url, json=body, timeout=30)
            if answer.ok:
                return answer.json()
            said = f"{answer.status_code} {answer.text[:200]}"
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            raise RuntimeError(f"{name} has ended; its log is in {environments.CACHE}")
        if monotonic() > deadline:
            raise RuntimeError(f"{name} does not answer within {START_SECONDS} s; the last it said was {said}")
        sleep(0.5)
