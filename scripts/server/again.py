"""A change of versions in which Java dies: it is begun again once Java is back, as a scaling is (`scaling.Scaling`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TypeVar

from scripts.console import Failure, err
from scripts.server import changing, draining, management
from scripts.server.state import Server, flag

T = TypeVar("T")
STOP_SECONDS = 600.0
"""For a stop under way, which ends by itself when its own time to drain has passed."""


def patiently(server: Server, model: str, change: Callable[[], T], timeout: float) -> T:
    """The result of a change that leaves nothing behind where it fails; made once more for each death of Java.

    Args:
        server: whose Java may die.
        model: that is changed.
        change: what is done; a `management.Unreachable` says that Java died.
        timeout: seconds in which it may be begun again.

    Raises:
        Failure: Java does not come back, see `told`.
    """
    deadline = monotonic() + timeout
    with told(server, model):
        while True:
            try:
                return change()
            except management.Unreachable as error:
                if monotonic() > deadline:
                    raise
                err.print(error.what)
                changing.await_others(management.when_back(server, deadline - monotonic()))


@contextmanager
def told(server: Server, model: str) -> Iterator[None]:
    """Say which version there is to be when a change was cut off, and what to do.

    Raises:
        Failure: the server does not answer, and nobody starts it again.
    """
    try:
        yield
    except management.Unreachable as error:
        draining.wait_for_stop(Path(server.folder), STOP_SECONDS)  # it is forgotten at the end
        if not server.remembered():
            raise management.unreachable(server, error) from None
        now, port = server.current(), flag(server.inference_port)
        has = f"version {now.answering[model].version} of {model}" if model in now.answering else f"no {model}"
        raise Failure(
            f"{error.what}; what is written down for when it is back is {has}",
            fix=f"scripts/bert logs{port} says why; scripts/bert status{port} whether it is back, and if it is not: "
            f"scripts/bert start {model}{port}; where that is not the version wanted, the same command again",
        ) from None
