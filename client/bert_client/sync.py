"""The client for programs with threads, over requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter

from bert_client import calls, vector_file
from bert_client.calls import Answer, Array, Call
from bert_client.errors import BertError, Unexpected, located
from bert_client.hosts import ALIVE, Host, Hosts, not_connected
from bert_client.retrying import RETRIES, Tries
from bert_client.server import Request, Server, is_loopback, patience

T = TypeVar("T")
NO_PROXY: Any = dict.fromkeys(("http", "https", "all"))
"""What requests is given so that it takes none from the environment."""
BROKEN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
ODD = (requests.TooManyRedirects, requests.exceptions.ContentDecodingError, requests.exceptions.InvalidSchema)


class Kept(HTTPAdapter):
    """Connections of which the system notices that their host is gone."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Called by requests."""
        super().init_poolmanager(*arguments, socket_options=ALIVE, **options)


class BertClient:
    """One model of one or several servers; safe to use from several threads.

    Of several, which have the same models, the one with the fewest requests of this client in flight is asked, and
    another one at once when it is lost, overloaded or starting.

    Every method raises the errors of `bert_client.errors`: what the server says at once, `Overloaded` and `Unreachable`
    (of which `TimedOut` is one) after all retries.

    Args:
        url: of the inference API, without `/predictions`; or a list of those of several servers.
        model: its name.
        version: its version, or None for the server's default one.
        api_key: of a server with `--keys` or `--auth`.
        timeout: seconds for one try, and for all further ones together after it failed. A try that timed out is the
            last.
        retries: further tries after lost connections and overload; waits double from 0.1 to 3 s, or are what the server
            asks for. The default spans a minute, in which a server that was killed is back.
        token: the old name of `api_key`.
    """

    def __init__(
        self,
        url: str | Sequence[str] = "http://localhost:8080",
        model: str = "bert",
        version: str | None = None,
        api_key: str | None = None,
        timeout: float = 60,
        retries: int = RETRIES,
        *,
        token: str | None = None,
    ) -> None:
        self.server = Server(model, version, api_key or token)
        self.hosts = Hosts(url)
        self.timeout = timeout
        self.retries = retries
        self.idle: list[requests.Session] = []

    def ask(self, task: str, body: Mapping[str, Any]) -> Any:
        """Any task's plain answer, as decoded JSON."""
        return self.run(calls.ask(task, body))

    def embed(self, texts: str | Sequence[str], **options: Any) -> Array:
        """`(texts, dimensions)` float32; `options` are keys of `embedding`, such as `dimensions`."""
        return self.run(calls.embed(texts, options))

    def hidden_states(self, texts: str | Sequence[str], **options: Any) -> list[Array]:
        """`(tokens, hidden)` float32 for each text."""
        return self.run(calls.hidden_states(texts, options))

    def multi_vector(self, texts: str | Sequence[str], side: str = "document", **options: Any) -> list[Array]:
        """`(vectors, dimensions)` float32 for each text, which is a `query` or a `document`."""
        return self.run(calls.multi_vector(texts, side, options))

    def hybrid_embedding(
        self, texts: str | Sequence[str], kinds: Sequence[str] = calls.KINDS, **options: Any
    ) -> list[dict[str, Any]]:
        """Of each text, of one pass, `dense` and `multi_vector` as float32 arrays and `sparse` as weights by index."""
        return self.run(calls.hybrid(texts, kinds, options))

    def chunks(self, texts: str | Sequence[str], **options: Any) -> list[tuple[list[tuple[int, int]], Array]]:
        """Of each text start and stop characters of its chunks, and `(chunks, dimensions)` float32.

        `options` are keys of `chunk-embedding`, such as `chunk_size` and `late_chunking`.
        """
        return self.run(calls.chunks(texts, options))

    def similarity(self, source: str, sentences: Sequence[str], **options: Any) -> Array:
        """`(sentences,)` cosines."""
        return self.run(calls.similarity(source, sentences, options))

    def zero_shot_classification(
        self, texts: str | Sequence[str], labels: Sequence[str], **options: Any
    ) -> list[dict[str, float]]:
        """The scores of each text by label, best first; `options` are `multi_label` and `hypothesis_template`."""
        return self.run(calls.zero_shot_classification(texts, labels, options))

    def word_vectors(self, words: str | Sequence[str]) -> Array:
        """`(words, hidden)` float32: rows of the model's table of words."""
        return self.run(calls.word_vectors(words))

    def most_similar(
        self, positive: str | Sequence[str] = (), negative: str | Sequence[str] = (), top_k: int = 10
    ) -> list[tuple[str, float]]:
        """The words of the vocabulary nearest to a sum, with their cosines, as gensim's method of this name."""
        return self.run(calls.most_similar(positive, negative, top_k))

    def stream(self, texts: Iterable[str], batch: int = 64, in_flight: int = 4, **options: Any) -> Iterator[Array]:
        """`embed` for any number of texts: `(at most batch, dimensions)` float32 blocks, in order.

        `in_flight` requests run at a time, and no more than one block beside theirs is in memory; texts are read as
        they are needed.

        Raises:
            ValueError: `batch` or `in_flight` is below 1.
        """
        return self.blocks(texts, batch, in_flight, 0, options)

    def blocks(
        self, texts: Iterable[str], batch: int, in_flight: int, first: int, options: Mapping[str, Any]
    ) -> Iterator[Array]:
        """`stream`, of texts before which there were `first` others."""
        waiting: deque[Future[Array]] = deque()

        def embed(before: int, block: list[str]) -> Array:
            with located(before, len(block)):
                return self.embed(block, **options)

        with ThreadPoolExecutor(in_flight) as pool:
            try:
                for before, block in calls.batched(texts, batch, first):
                    waiting.append(pool.submit(embed, before, block))
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
        file: str | Path,
        batch: int = 64,
        in_flight: int = 4,
        progress: vector_file.Progress = False,
        **options: Any,
    ) -> Array:
        """`(texts, dimensions)` float32 of any number of texts, written to a `.npy` file and mapped from it.

        Called again after it was cut off, with the same texts, it goes on where it stopped. What it was made of is
        written down beside it, in `NAME.npy.made`.

        Args:
            texts: read as they are needed.
            file: where the vectors go.
            batch: texts per request.
            in_flight: requests at a time.
            progress: called with the number of vectors written so far; True counts on stderr.
            options: keys of `embedding`.

        Raises:
            ValueError: the file holds vectors of other texts, or of another model or options.
        """
        file = Path(file)
        made = self.run(calls.provenance(options))
        with vector_file.resumed(file, made, texts, batch, progress) as vectors:
            for block in self.blocks(vectors.texts, batch, in_flight, vectors.rows.count, options):
                vectors.append(block)
        return vector_file.mapped(file)

    def run(self, call: Call[T]) -> T:
        """A call's result, after as many tries as it takes."""
        request = self.server.request(call)
        tries = Tries(self.retries, self.server.answered, self.timeout)
        while True:
            with self.hosts.chosen() as host:
                try:
                    result = self.server.read(call, self.send(host, request, tries.seconds))
                except BertError as failure:
                    wait = tries.next_delay(failure, self.hosts.failed(host, failure), self.hosts.undecided())
                else:
                    self.hosts.answered(host)
                    return result
            sleep(wait)

    def send(self, host: Host, request: Request, seconds: float) -> Answer:
        """One try, over a connection that no other thread uses meanwhile."""
        session, url, begun = self.session(), f"{host.url}{request.path}", monotonic()
        try:
            response = session.post(
                url,
                request.content,
                headers=request.headers | patience(seconds),
                timeout=(self.hosts.connect_seconds(seconds), seconds),
                proxies=NO_PROXY if is_loopback(host.url) else None,
            )
        except requests.Timeout as error:
            connecting = isinstance(error, requests.ConnectTimeout)
            raise self.hosts.unanswered(url, seconds, monotonic() - begun, connecting) from None
        except BROKEN as error:
            raise not_connected(url, error) from None
        except ODD as error:
            raise Unexpected(f"{url}: {error}") from None
        finally:
            self.idle.append(session)
        return Answer(response.status_code, response.headers, response.content)

    def session(self) -> requests.Session:
        """A kept connection that is free, or a new one."""
        try:
            return self.idle.pop()
        except IndexError:
            session = requests.Session()
            for scheme in ("http://", "https://"):
                session.mount(scheme, Kept())
            session.auth = lambda prepared: prepared  # else a ~/.netrc takes the place of the key
            return session

    def close(self) -> None:
        """Give the connections back."""
        while self.idle:
            self.idle.pop().close()

    def __enter__(self) -> BertClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
