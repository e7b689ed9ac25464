"""A client for programs: numpy in place of JSON, typed errors, retries of what is safe to repeat.

from scripts.client import BertClient

with BertClient("http://localhost:8080", "bert") as client:
    vectors = client.embed(["first", "second"])
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from threading import local
from time import sleep
from typing import Any

import numpy as np
import requests
from numpy.typing import NDArray
from rich.progress import track

from handler.errors import BertError, Invalid, NotAcceptable, Overloaded, TooLarge, Undecodable, UnknownTask
from scripts.digests import Digests
from scripts.rows import Rows

NPY = "application/x-npy"
KINDS: dict[str, type[BertError]] = {
    kind.error_type: kind for kind in (Invalid, NotAcceptable, Overloaded, TooLarge, Undecodable, UnknownTask)
}
STATUSES: dict[int, type[BertError]] = {404: UnknownTask, 413: TooLarge, 503: Overloaded}
"""Of TorchServe's own errors, which name no type."""

DECIDING = ("model", "version", "dtype", "pooling", "normalize", "dimensions", "prompts", "default_prompt", "origin")
"""Of what a model says of itself, what its vectors depend on."""

Array = NDArray[Any]


class Unreachable(BertError):
    """No answer, after all retries."""


class BertClient:
    """One model of one server; safe to use from several threads.

    Every task is a question, so it is safe to ask again after a lost connection or an overloaded server.

    Args:
        url: of the inference API.
        model: its name.
        version: its version.
        token: of a server with `--auth`.
        timeout: seconds for one try.
        retries: further tries after connection errors and overload, each after twice the wait of the one before.
    """

    def __init__(
        self,
        url: str = "http://localhost:8080",
        model: str = "bert",
        version: str = "1.0",
        token: str | None = None,
        timeout: float = 60,
        retries: int = 4,
    ) -> None:
        self.base = f"{url.rstrip('/')}/predictions/{model}/{version}"
        self.headers = {"authorization": f"Bearer {token}"} if token else {}
        self.timeout = timeout
        self.retries = retries
        self.sessions: list[requests.Session] = []
        self.own = local()

    def ask(self, task: str, body: dict[str, Any]) -> Any:
        """Any task's plain answer.

        Raises:
            Invalid, TooLarge, UnknownTask and the other errors of `handler.errors`: what the server says.
            Overloaded, Unreachable: after all retries.
        """
        return self.post(task, body, {}).json()

    def embed(self, texts: str | Sequence[str], **options: Any) -> Array:
        """`(texts, dimensions)` float32; `options` are keys of `embedding`, such as `dimensions`."""
        return self.array("embedding", {"inputs": listed(texts), **options})[0]

    def hidden_states(self, texts: str | Sequence[str], **options: Any) -> list[Array]:
        """`(tokens, hidden)` float32 for each text."""
        rows, lengths = self.array("hidden-states", {"inputs": listed(texts), **options})
        return np.split(rows, np.cumsum(lengths)[:-1])

    def similarity(self, source: str, sentences: Sequence[str], **options: Any) -> Array:
        """`(sentences,)` cosines."""
        return self.array("similarity", {"source": source, "sentences": list(sentences), **options})[0]

    def word_vectors(self, words: str | Sequence[str]) -> Array:
        """`(words, hidden)` float32: rows of the model's table of words."""
        found = self.ask("word-vectors", {"inputs": listed(words)})
        return np.array([word["vector"] for word in found], dtype=np.float32)

    def most_similar(
        self, positive: str | Sequence[str] = (), negative: str | Sequence[str] = (), top_k: int = 10
    ) -> list[tuple[str, float]]:
        """The words of the vocabulary nearest to a sum, with their cosines, as gensim's method of this name."""
        inputs = {"positive": listed(positive), "negative": listed(negative)}
        (found,) = self.ask("word-vectors", {"inputs": [inputs], "vectors": False, "top_k": top_k})
        return [(word["token"], word["score"]) for word in found.get("neighbours", [])]

    def stream(self, texts: Iterable[str], batch: int = 64, in_flight: int = 4, **options: Any) -> Iterator[Array]:
        """`embed` for any number of texts: blocks of at most `batch` vectors, in order.

        No more than `in_flight + 1` blocks are in memory; texts are read as they are needed.
        """
        waiting: deque[Future[Array]] = deque()
        with ThreadPoolExecutor(in_flight) as pool:
            try:
                for block in blocks(texts, batch):
                    waiting.append(pool.submit(self.embed, block, **options))
                    if len(waiting) > in_flight:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def embed_many(
        self,
        texts: Iterable[str],
        file: Path,
        batch: int = 64,
        in_flight: int = 4,
        progress: bool = True,
        **options: Any,
    ) -> Array:
        """Vectors of any number of texts into a `.npy` file, whose rows are mapped and returned.

        Called again after it was cut off, with the same texts, it goes on where it stopped. What it was made of is
        written down beside it (`scripts/digests.py`).

        Raises:
            ValueError: the file holds vectors of other texts, or of another model or options.
        """
        if batch < 1:
            raise ValueError(f"batch is {batch}; it must be 1 or more")
        total = len(texts) if isinstance(texts, Sequence) else None
        digests = Digests(file, self.made(options))
        with Rows(file) as rows:
            rest, rows.count = digests.resume(texts, rows.count)
            left = None if total is None else -(-(total - rows.count) // batch)
            found = self.stream(digests.watch(rest, batch), batch, in_flight, **options)
            for block in track(found, "embedding", total=left, disable=not progress):
                rows.append(block)
                digests.note(rows.count)
        return np.load(file, mmap_mode="r") if rows.width else np.empty((0, 0), np.float32)

    def made(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """What vectors depend on beside their texts."""
        info = self.ask("info", {})
        return {"options": dict(options)} | {key: info.get(key) for key in DECIDING}

    def array(self, task: str, body: dict[str, Any]) -> tuple[Array, list[int]]:
        """A numeric answer, and of one with rows of several texts their numbers."""
        answer = self.post(task, body, {"accept": NPY})
        lengths = [int(length) for length in answer.headers.get("x-lengths", "").split(",") if length]
        return np.load(io.BytesIO(answer.content)), lengths

    def post(self, task: str, body: dict[str, Any], headers: dict[str, str]) -> requests.Response:
        """Send, and send again where that is worth it."""
        wait = 0.1
        for left in reversed(range(self.retries + 1)):
            try:
                answer = self.session().post(
                    f"{self.base}/{task}", json=body, headers=self.headers | headers, timeout=self.timeout
                )
            except (requests.ConnectionError, requests.Timeout) as error:
                failure: BertError = Unreachable(f"{self.base}: {type(error).__name__}")
            else:
                if answer.status_code < 400:
                    return answer
                failure = refusal(answer)
                if answer.status_code < 500 or type(failure) is BertError:
                    raise failure
            if left:
                sleep(wait)
                wait *= 2
        raise failure

    def session(self) -> requests.Session:
        """A kept connection for each thread."""
        if not hasattr(self.own, "session"):
            self.own.session = requests.Session()
            self.sessions.append(self.own.session)
        return self.own.session  # type: ignore[no-any-return]

    def close(self) -> None:
        """Give the connections back."""
        for session in self.sessions:
            session.close()

    def __enter__(self) -> BertClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def refusal(answer: requests.Response) -> BertError:
    """The server's own words as the error they mean. A worker that died is `Overloaded`: it is started again."""
    try:
        said = answer.json()
    except ValueError:
        said = {}
    words = said.get("error") or said.get("message") or answer.text or "no reason given"
    if "error_type" in said:
        kind = KINDS.get(said["error_type"], BertError)
    else:
        kind = STATUSES.get(answer.status_code, Overloaded if answer.status_code >= 500 else BertError)
    return kind(f"{answer.status_code}: {words}")


def listed(texts: str | Sequence[str]) -> list[str]:
    """One text is a list of one."""
    return [texts] if isinstance(texts, str) else list(texts)


def blocks(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """The texts, some at a time."""
    source = iter(texts)
    while block := list(islice(source, size)):
        yield block
