"""The client for event loops, over httpx: the methods of `BertClient` as coroutines."""

from __future__ import annotations

from asyncio import Semaphore, Task, create_task, gather, sleep, to_thread
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar
from urllib.request import getproxies

import httpx

from bert_client import calls, vector_file
from bert_client.calls import Answer, Array, Call
from bert_client.errors import BertError, Unexpected, located
from bert_client.hosts import ALIVE, Host, Hosts, not_connected
from bert_client.retrying import RETRIES, Tries
from bert_client.server import Request, Server, is_loopback, patience

T = TypeVar("T")
BROKEN = (httpx.NetworkError, httpx.RemoteProtocolError)


class Kept(httpx.AsyncHTTPTransport):
    """Connections without a proxy, of which the system notices that their host is gone."""

    def __init__(self) -> None:
        super().__init__(socket_options=ALIVE)


class AsyncBertClient:
    """One model of one or several servers, in one event loop. Arguments and errors are those of `BertClient`.

    At most 100 requests are sent at a time; further ones wait for their turn, which takes nothing off their `timeout`.
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
        direct = [host.url for host in self.hosts.all if is_loopback(host.url) or not getproxies()]
        self.http = httpx.AsyncClient(timeout=httpx.Timeout(timeout, pool=None), mounts=dict.fromkeys(direct, Kept()))

    async def ask(self, task: str, body: Mapping[str, Any]) -> Any:
        """Any task's plain answer, as decoded JSON."""
        return await self.run(calls.ask(task, body))

    async def embed(self, texts: str | Sequence[str], **options: Any) -> Array:
        """`(texts, dimensions)` float32; `options` are keys of `embedding`, such as `dimensions`."""
        return await self.run(calls.embed(texts, options))

    async def hidden_states(self, texts: str | Sequence[str], **options: Any) -> list[Array]:
        """`(tokens, hidden)` float32 for each text."""
        return await self.run(calls.hidden_states(texts, options))

    async def multi_vector(self, texts: str | Sequence[str], side: str = "document", **options: Any) -> list[Array]:
        """`(vectors, dimensions)` float32 for each text, which is a `query` or a `document`."""
        return await self.run(calls.multi_vector(texts, side, options))

    async def hybrid_embedding(
        self, texts: str | Sequence[str], kinds: Sequence[str] = calls.KINDS, **options: Any
    ) -> list[dict[str, Any]]:
        """Of each text, of one pass, `dense` and `multi_vector` as float32 arrays and `sparse` as weights by index."""
        return await self.run(calls.hybrid(texts, kinds, options))

    async def chunks(self, texts: str | Sequence[str], **options: Any) -> list[tuple[list[tuple[int, int]], Array]]:
        """Of each text start and stop characters of its chunks, and `(chunks, dimensions)` float32.

        `options` are keys of `chunk-embedding`, such as `chunk_size` and `late_chunking`.
        """
        return await self.run(calls.chunks(texts, options))

    async def similarity(self, source: str, sentences: Sequence[str], **options: Any) -> Array:
        """`(sentences,)` cosines."""
        return await self.run(calls.similarity(source, sentences, options))

    async def zero_shot_classification(
        self, texts: str | Sequence[str], labels: Sequence[str], **options: Any
    ) -> list[dict[str, float]]:
        """The scores of each text by label, best first; `options` are `multi_label` and `hypothesis_template`."""
        return await self.run(calls.zero_shot_classification(texts, labels, options))

    async def word_vectors(self, words: str | Sequence[str]) -> Array:
        """`(words, hidden)` float32: rows of the model's table of words."""
        return await self.run(calls.word_vectors(words))

    async def most_similar(
        self, positive: str | Sequence[str] = (), negative: str | Sequence[str] = (), top_k: int = 10
    ) -> list[tuple[str, float]]:
        """The words of the vocabulary nearest to a sum, with their cosines, as gensim's method of this name."""
        return await self.run(calls.most_similar(positive, negative, top_k))

    def stream(
        self, texts: Iterable[str], batch: int = 64, in_flight: int = 4, **options: Any
    ) -> AsyncGenerator[Array, None]:
        """`embed` for any number of texts: `(at most batch, dimensions)` float32 blocks, in order.

        `in_flight` requests run at a time, and no more than one block beside theirs is in memory; texts are read as
        they are needed.

        Raises:
            ValueError: `batch` or `in_flight` is below 1.
        """
        return self.blocks(texts, batch, in_flight, 0, options)

    async def blocks(
        self, texts: Iterable[str], batch: int, in_flight: int, first: int, options: Mapping[str, Any]
    ) -> AsyncGenerator[Array, None]:
        """`stream`, of texts before which there were `first` others."""
        if in_flight < 1:
            raise ValueError(f"in_flight is {in_flight}; it must be 1 or more")
        turn = Semaphore(in_flight)
        waiting: deque[Task[Array]] = deque()

        async def embed(before: int, block: list[str]) -> Array:
            async with turn:
                with located(before, len(block)):
                    return await self.embed(block, **options)

        try:
            for before, block in calls.batched(texts, batch, first):
                waiting.append(create_task(embed(before, block)))
                if len(waiting) > in_flight:
                    yield await waiting.popleft()
            while waiting:
                yield await waiting.popleft()
        finally:
            for task in waiting:
                task.cancel()
            await gather(*waiting, return_exceptions=True)

    async def embed_many(
        self,
        texts: Iterable[str],
        file: str | Path,
        batch: int = 64,
        in_flight: int = 4,
        progress: vector_file.Progress = False,
        **options: Any,
    ) -> Array:
        """`(texts, dimensions)` float32 of any number of texts, written to a `.npy` file and mapped from it.

        As `BertClient.embed_many`. The file is written in a thread; texts are read, and those of an earlier run
        compared, in the loop.
        """
        file = Path(file)
        made = await self.run(calls.provenance(options))
        with vector_file.resumed(file, made, texts, batch, progress) as vectors:
            async with aclosing(self.blocks(vectors.texts, batch, in_flight, vectors.rows.count, options)) as blocks:
                async for block in blocks:
                    await to_thread(vectors.append, block)
        return vector_file.mapped(file)

    async def run(self, call: Call[T]) -> T:
        """A call's result, after as many tries as it takes."""
        request = self.server.request(call)
        tries = Tries(self.retries, self.server.answered, self.timeout)
        while True:
            with self.hosts.chosen() as host:
                try:
                    result = self.server.read(call, await self.send(host, request, tries.seconds))
                except BertError as failure:
                    wait = tries.next_delay(failure, self.hosts.failed(host, failure), self.hosts.undecided())
                else:
                    self.hosts.answered(host)
                    return result
            await sleep(wait)

    async def send(self, host: Host, request: Request, seconds: float) -> Answer:
        """One try."""
        url, begun = f"{host.url}{request.path}", monotonic()
        try:
            response = await self.http.post(
                url,
                content=request.content,
                headers=request.headers | patience(seconds),
                timeout=httpx.Timeout(seconds, connect=self.hosts.connect_seconds(seconds), pool=None),
            )
        except httpx.TimeoutException as error:
            connecting = isinstance(error, httpx.ConnectTimeout)
            raise self.hosts.unanswered(url, seconds, monotonic() - begun, connecting) from None
        except BROKEN as error:
            raise not_connected(url, error) from None
        except httpx.DecodingError as error:
            raise Unexpected(f"{url}: {error}") from None
        return Answer(response.status_code, response.headers, response.content)

    async def close(self) -> None:
        """Give the connections back."""
        await self.http.aclose()

    async def __aenter__(self) -> AsyncBertClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
