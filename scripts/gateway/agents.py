"""What servers on other machines hold, as their agents say it: all are asked at once, of those that HAProxy has up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from scripts.gateway import maps, servers
from scripts.server import agent, holding
from scripts.server.holding import Holding

SECONDS = 0.3
"""For all answers: whoever asks has other things to do."""
MOST = 1 << 20
"""Bytes of an answer."""
DOWN, NONE = "0", ("-", "0")
"""How `show servers state` writes a server that is down, and no address or port."""

Address = tuple[str, int]
"""Host and port."""


class Up(NamedTuple):
    """A server that takes requests, whatever its name means now, and where its agent is; None without one."""

    server: Address
    agent: Address | None


def up(folder: Path) -> list[Up]:
    """All of them.

    Raises:
        OSError: HAProxy does not answer.
    """
    lines = [line.split() for line in maps.told(folder / maps.ADMIN, "show servers state").splitlines()[1:] if line]
    head = [name for name in lines[0] if name != "#"]
    rows = [dict(zip(head, line, strict=False)) for line in lines[1:]]
    here = [row for row in rows if row["be_name"] in (servers.FIRST, servers.ELSEWHERE)]
    return sorted({read(row) for row in here if row["srv_op_state"] != DOWN})


def read(row: Mapping[str, str]) -> Up:
    """Of a line of `show servers state`, whose agents may be elsewhere than their servers."""
    host, port = row["srv_addr"], row["srv_agent_port"]
    at = host if row["srv_agent_addr"] in NONE else row["srv_agent_addr"]
    return Up((host, int(row["srv_port"])), None if port in NONE else (at, int(port)))


LAST: dict[Address, tuple[float, Holding]] = {}
"""When an agent said something last, and what: it may be late under load, and its server still has what it had."""


def holdings(asked: Sequence[Address | None], fresh: float = inf) -> list[Holding | None]:
    """What each agent says, or said at most `fresh` seconds ago; None for one that did not, and where there is none."""
    places = [place for place in asked if place]
    for place, found in zip(places, asyncio.run(answers(places)), strict=True):
        if found:
            LAST[place] = monotonic(), found
    known = {place: found for place, (since, found) in LAST.items() if monotonic() - since < fresh}
    return [known.get(place) if place else None for place in asked]


async def answers(places: Sequence[Address]) -> list[Holding | None]:
    """Of all."""
    return await asyncio.gather(*(answer(*place) for place in places))


async def answer(host: str, port: int) -> Holding | None:
    """Of one agent; None where there is none, or none that says this."""
    try:
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(agent.VERSIONS)
                return holding.read((await reader.read(MOST)).decode(errors="replace"))
            finally:
                writer.close()
    except OSError:  # TimeoutError, too
        return None
