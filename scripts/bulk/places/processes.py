"""Processes that each hold something open and call functions with it; they end with the process that started them."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any, Self

from scripts.console import Failure

Opening = Callable[[], AbstractContextManager[Any]]
"""What a process holds open."""


class Worker:
    """One process."""

    def __init__(self, opening: Opening) -> None:
        context = get_context("spawn")  # a fork of a process with threads may hang
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, opening), daemon=True)
        self.process.start()
        theirs.close()

    def send(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call a function with what is open, and these arguments; `receive` has the result.

        Raises:
            Failure: the process died.
        """
        try:
            self.pipe.send((function, arguments))
        except ConnectionError:
            raise self.dead() from None

    def receive(self) -> Any:
        """A call's result.

        Raises:
            Failure: the call failed, or the process died.
        """
        try:
            result = self.pipe.recv()
        except (EOFError, ConnectionError):
            raise self.dead() from None
        if isinstance(result, Exception):
            raise result
        return result

    def dead(self) -> Failure:
        """What to say of a process that is gone."""
        self.process.join()
        return Failure(
            f"a process that computes ended with {ending(self.process.exitcode)}",
            fix="the same command again goes on; if memory was short (signal 9), with fewer --processes",
        )


class Workers:
    """Several that end when the `with` they are entered by does. The first starts there, others when they have work."""

    def __init__(self, openings: Sequence[Opening]) -> None:
        self.openings = openings
        self.all: list[Worker] = []

    def __enter__(self) -> Self:
        self.all = [Worker(self.openings[0])]
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.all:
            worker.process.kill()
        for worker in self.all:
            worker.process.join()

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The result of one call, while nothing else is asked."""
        self.all[0].send(function, *arguments)
        return self.all[0].receive()

    def map(self, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """Results in the order in which they are there; a process gets the next call when it has answered one."""
        waiting, busy = iter(calls), dict[Any, Worker]()

        def begin(worker: Worker, arguments: tuple[Any, ...]) -> None:
            worker.send(function, *arguments)
            busy[worker.pipe] = worker

        for number, arguments in enumerate(islice(waiting, len(self.openings))):
            if number == len(self.all):
                self.all.append(Worker(self.openings[number]))
            begin(self.all[number], arguments)
        while busy:
            for pipe in connection.wait(list(busy)):
                worker = busy.pop(pipe)
                result = worker.receive()
                for arguments in islice(waiting, 1):
                    begin(worker, arguments)
                yield result


def serve(pipe: Connection, opening: Opening) -> None:
    """What a process does: open, and answer calls until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    Thread(target=end_with_parent, daemon=True).start()
    try:
        with opening() as held:
            while True:
                function, arguments = pipe.recv()
                pipe.send(attempt(function, held, arguments))
    except (EOFError, ConnectionError):  # there is no parent any more
        return
    except Exception as error:
        pipe.recv()
        pipe.send(sayable(error))


def end_with_parent() -> None:
    """Nobody takes the result when the parent was killed."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def attempt(function: Callable[..., Any], held: Any, arguments: tuple[Any, ...]) -> Any:
    """A call's result, or what it raised."""
    try:
        return function(held, *arguments)
    except Exception as error:
        return sayable(error)


def sayable(error: Exception) -> Failure:
    """A failure as it is; of any other error its kind and place, since its words may quote a text."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, OSError):  # its words are the system's
        return Failure(str(error))
    return Failure(
        f"{type(error).__name__} in a process that computes", why="".join(traceback.format_tb(error.__traceback__))
    )


def ending(code: int | None) -> str:
    """An exit code in words."""
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
