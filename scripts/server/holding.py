"""Which versions of its models a server answers with, as its agent says it to a gateway on any machine."""

from __future__ import annotations

import msgspec

from scripts.server.state import Server


class Holding(msgspec.Struct, frozen=True):
    """Of one server.

    Attributes:
        answering: name -> the version that answers where an address names none.
        previous: name -> the version that answered before, and still does at its own address.
        canary: name -> the version that is being tried, and per cent of the requests that it is to get.
        working: names that have a worker now; None where that is not known.
    """

    answering: dict[str, str] = {}
    previous: dict[str, str] = {}
    canary: dict[str, tuple[str, int]] = {}
    working: list[str] | None = None

    def versions(self, model: str) -> set[str]:
        """All that the server answers with."""
        kept = {each[model] for each in (self.answering, self.previous) if model in each}
        return kept | ({self.canary[model][0]} if model in self.canary else set())


def of(server: Server) -> Holding:
    """What is written down of a server."""
    return Holding(
        {name: loaded.version for name, loaded in server.answering.items()},
        {name: loaded.version for name, loaded in server.previous.items()},
        {name: (canary.loaded.version, canary.percent) for name, canary in server.canary.items()},
    )


def line(server: Server, working: list[str] | None) -> str:
    """What `read` reads."""
    return msgspec.json.encode(msgspec.structs.replace(of(server), working=working)).decode()


def read(text: str) -> Holding | None:
    """None where this is no such line."""
    try:
        return msgspec.json.decode(text, type=Holding)
    except msgspec.MsgspecError:
        return None
