"""On a running server, this machine's or another's: several blocks at a time, so that its workers have full batches."""

from __future__ import annotations

import hashlib
import json
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
from scripts.client import (
    PROVENANCE,
    BertClient,
    BertError,
    Call,
    Overloaded,
    Unauthorized,
    Unexpected,
    UnknownModel,
    Unreachable,
    content_of,
)
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
        info = self.info()
        self.client.server.version = info["version"]
        known = {key: info.get(key) for key in PROVENANCE}
        return hashlib.sha256(orjson.dumps(known, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def arithmetic(self) -> str:
        """See `Engine.arithmetic`; a server does not say which kind of CPU or GPU it has."""
        info = self.info()
        return f"{str(info['device']).partition(':')[0]}, {info['runtime']}, {info['dtype']}"

    def info(self) -> Any:
        """What the server says of its model.

        Raises:
            Failure: nothing.
        """
        info = self.one("info", {})
        if isinstance(info, Refused):
            raise Failure(f"{self.client.server.address}: {info.reason}", fix="the right --model and --server")
        return info

    def answers(self, task: str, bodies: Sequence[Record]) -> list[Any]:
        """See `Engine.answers`: texts whose other keys are equal are sent together."""
        found: list[Any] = [None] * len(bodies)
        for others, places in alike(bodies).items():
            for first in range(0, len(places), TEXTS):
                portion = places[first : first + TEXTS]
                asked = [bodies[place] for place in portion]
                answers = [others] * len(asked) if isinstance(others, Refused) else self.portion(task, asked)
                for place, answer in zip(portion, answers, strict=True):
                    found[place] = answer
        return found

    def portion(self, task: str, bodies: Sequence[Record]) -> list[Any]:
        """Texts in one request; if that is refused its halves are sent, so that only what is wrong gets no answer.

        Args:
            task: what is asked.
            bodies: requests that differ in `inputs` alone.
        """
        if len(bodies) == 1:
            return [self.one(task, bodies[0])]
        if INPUTS in bodies[0]:
            answer = self.one(task, {**bodies[0], INPUTS: [body[INPUTS] for body in bodies]})
            if not isinstance(answer, Refused):
                return [[each] for each in answer]
        middle = len(bodies) // 2
        return self.portion(task, bodies[:middle]) + self.portion(task, bodies[middle:])

    def one(self, task: str, body: Record) -> Any | Refused:
        """The answer to a request, or what it was refused for; see `sent`."""
        try:
            if task == VECTORS:
                options = {key: value for key, value in body.items() if key != INPUTS}
                answer = self.sent(lambda: self.client.embed(body[INPUTS], **options))
            else:
                answer = self.sent(lambda: self.client.ask(task, body))
        except BertError as error:
            return Refused(str(error))
        texts = body.get(INPUTS)
        if isinstance(texts, list) and len(answer) != len(texts):
            raise self.strange(f"{len(answer)} answers to {len(texts)} texts")
        return answer

    def sent(self, call: Callable[[], Any]) -> Any:
        """A call's result.

        Raises:
            Failure: the server cannot answer now, or nothing of ours.
            BertError: it refuses this request.
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
        except Unexpected as error:
            raise self.strange(str(error)) from None

    def strange(self, what: str) -> Failure:
        """What to say of an answer that is not the model's, and no fault of a row."""
        url = self.client.hosts.all[0].url + self.client.server.address
        fix = (
            "see what is between here and the server, and that --server is its address; the same command again goes on"
        )
        return Failure(f"{url} answered {what}", fix=fix)

    def replies(self, requests: Sequence[tuple[str, bytes]]) -> list[tuple[int, bytes]]:
        """See `Engine.replies`."""
        return [self.reply(path, body) for path, body in requests]

    def reply(self, path: str, body: bytes) -> tuple[int, bytes]:
        """One of them; a request that is refused has the error's own body."""
        call = Call(path, json.loads(body), content_of)
        try:
            return 200, self.sent(lambda: self.client.run(call))
        except BertError as error:
            if error.answer is None:
                raise
            return error.answer.status, on_a_line(error.answer.content)


def alike(bodies: Sequence[Record]) -> dict[str | Refused, list[int]]:
    """Places of the requests that differ in `inputs` alone, by what their other keys hold."""
    groups: dict[str | Refused, list[int]] = {}
    for place, body in enumerate(bodies):
        groups.setdefault(others_of(body), []).append(place)
    return groups


def others_of(body: Record) -> str | Refused:
    """The keys of a request beside `inputs` as JSON; refused where they have no such form, as dates of Parquet."""
    try:
        return json.dumps({key: body[key] for key in body if key != INPUTS}, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        return Refused(f"no JSON can be made of the request: {error}")


def on_a_line(content: bytes) -> bytes:
    """JSON as one line, which TorchServe's own errors are not; what is no JSON, such as its 413, as a text."""
    try:
        return orjson.dumps(orjson.loads(content))
    except orjson.JSONDecodeError:
        return orjson.dumps(content.decode(errors="replace"))


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

    def arithmetic(self) -> str:
        """See `Place.arithmetic`."""
        return self.engine.arithmetic()

    def ask(self, task: str, body: Record) -> Any | Refused:
        """See `Place.ask`."""
        (answer,) = self.engine.answers(task, [body])
        return answer

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
