"""On a running server, this machine's or another's: several blocks at a time, so that its workers have full batches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Any, Self

import orjson

from scripts.bulk import work
from scripts.bulk.job import Block, Done, Recipe
from scripts.bulk.rows import INPUTS, Record, Refused
from scripts.client import PROVENANCE, BertClient, BertError, Call, Overloaded, Unauthorized, UnknownModel, Unreachable
from scripts.console import Failure

TEXTS = 64
"""Per request."""
VECTORS = "embedding"
"""The task whose answers are sent as bytes, which cost a server less than JSON."""


class Asked:
    """A server as an `Engine`; `stopped` ends blocks under way."""

    def __init__(self, client: BertClient) -> None:
        self.client = client
        self.stopped = Event()

    def identity(self) -> str:
        """See `Engine.identity`: a digest of what the server says of its model, whose version is asked from then on."""
        info = self.one("info", {})
        if isinstance(info, Refused):
            raise Failure(f"{self.client.server.address}: {info.reason}", fix="the right --model and --server")
        self.client.server.version = info["version"]
        known = {key: info.get(key) for key in PROVENANCE}
        return hashlib.sha256(orjson.dumps(known, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def answers(self, task: str, bodies: Sequence[Record]) -> list[Any]:
        """See `Engine.answers`."""
        found: list[Any] = []
        for first in range(0, len(bodies), TEXTS):
            found += self.portion(task, bodies[first : first + TEXTS])
        return found

    def portion(self, task: str, bodies: Sequence[Record]) -> list[Any]:
        """Texts in one request; if that is refused its halves are sent, so that only what is wrong gets no answer."""
        if len(bodies) == 1:
            return [self.one(task, bodies[0])]
        if INPUTS in bodies[0]:
            answer = self.one(task, {**bodies[0], INPUTS: [body[INPUTS] for body in bodies]})
            if not isinstance(answer, Refused):
                return [[each] for each in answer]
        middle = len(bodies) // 2
        return self.portion(task, bodies[:middle]) + self.portion(task, bodies[middle:])

    def one(self, task: str, body: Record) -> Any | Refused:
        """The answer to a request, or what it was refused for; see `tried`."""
        if task == VECTORS:
            options = {key: value for key, value in body.items() if key != INPUTS}
            return self.tried(lambda: self.client.embed(body[INPUTS], **options))
        return self.tried(lambda: self.client.ask(task, body))

    def tried(self, call: Callable[[], Any]) -> Any | Refused:
        """A call's result, or what it was refused for.

        Raises:
            Failure: the server cannot answer now, or nothing of ours.
        """
        if self.stopped.is_set():
            raise Failure("interrupted")
        try:
            return call()
        except (Overloaded, Unreachable) as error:
            raise Failure(str(error), fix="the same command again, once the server has room: it goes on") from None
        except UnknownModel as error:
            raise Failure(str(error), fix="the right --server, --model and --version") from None
        except Unauthorized as error:
            raise Failure(str(error), fix="--key with one of this server's keys") from None
        except BertError as error:
            return Refused(str(error))

    def replies(self, requests: Sequence[tuple[str, bytes]]) -> list[tuple[int, bytes]]:
        """See `Engine.replies`."""
        return [self.reply(path, body) for path, body in requests]

    def reply(self, path: str, body: bytes) -> tuple[int, bytes]:
        """One of them."""
        call = Call(path, orjson.loads(body), lambda answer: answer.content)
        found = self.tried(lambda: self.client.run(call))
        if not isinstance(found, Refused):
            return 200, found
        with self.client.hosts.chosen() as host:  # once more, for the error's own body
            answer = self.client.send(host, self.client.server.request(call), self.client.timeout)
        return answer.status, answer.content


class Server:
    """See `Place`.

    Args:
        client: of one model of it.
        in_flight: requests at a time.
    """

    def __init__(self, client: BertClient, in_flight: int) -> None:
        self.engine, self.pool = Asked(client), ThreadPoolExecutor(in_flight)
        self.in_flight = in_flight

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.stopped.set()
        self.pool.shutdown(cancel_futures=True)
        self.engine.client.close()

    def identity(self) -> str:
        """See `Place.identity`."""
        return self.engine.identity()

    def ask(self, task: str, body: Record) -> Any | Refused:
        """See `Place.ask`."""
        return self.engine.one(task, body)

    def run(self, recipe: Recipe, folder: Path, blocks: Iterable[Block]) -> Iterator[Done]:
        """See `Place.run`."""
        waiting = iter(blocks)
        running: set[Future[Done]] = set()
        while True:
            for block in islice(waiting, self.in_flight - len(running)):
                running.add(self.pool.submit(work.process, self.engine, recipe, folder, block))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
