"""What servers on other machines hold, as their agents say it: all are asked at once, of those that HAProxy has up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from scripts.gateway import maps, servers
from scripts.server import agent, holding
from scripts.server.holding import Holding

SECONDS = 0.3
"""For all answers: whoever asks has other things to do."""
MOST = 1 << 20
"""Bytes of an answer."""
DOWN, NONE = "0", ("-", "0")
"""How `show servers state` writes a server that is down, and no address or port."""


def up(folder: Path) -> tuple[list[tuple[str, int]], bool]:
    """Host and inference port of each server that takes requests and has an agent, whatever a name means now.

    Returns:
        They, and whether a server takes requests that has none.

    Raises:
        OSError: HAProxy does not answer.
    """
    lines = [line.split() for line in maps.told(folder / maps.ADMIN, "show servers state").splitlines()[1:] if line]
    head = [name for name in lines[0] if name != "#"]
    rows = [dict(zip(head, line, strict=False)) for line in lines[1:]]
    there = [row for row in rows if row["srv_op_state"] != DOWN and not row["be_name"].endswith(servers.LARGE)]
    asked = [row for row in there if row["srv_agent_port"] not in NONE]
    return sorted({(row["srv_addr"], int(row["srv_port"])) for row in asked}), len(asked) < len(there)


LAST: dict[tuple[str, int], Holding] = {}
"""What each server said last: its agent may be late under load, and it still has what it had."""


def holdings(servers: Iterable[tuple[str, int]]) -> list[Holding]:
    """Of those that answer, or did before."""
    asked = list(servers)
    for server, found in zip(asked, asyncio.run(answers(asked)), strict=True):
        if found:
            LAST[server] = found
    return [LAST[server] for server in asked if server in LAST]


async def answers(servers: Sequence[tuple[str, int]]) -> list[Holding | None]:
    """Of all."""
    return await asyncio.gather(*(answer(host, port + agent.OFFSET) for host, port in servers))


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
