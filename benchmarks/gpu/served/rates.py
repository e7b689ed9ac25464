"""Requests, texts and tokens per second through the whole server, by the size of requests and the number of workers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.gpu.context import Context
from benchmarks.gpu.served import smi
from benchmarks.gpu.served.archives import MAIN, VERSION
from benchmarks.gpu.served.sender import Order
from benchmarks.gpu.served.senders import send, summary
from benchmarks.gpu.served.server import pids, url
from benchmarks.gpu.served.texts import Texts
from scripts.load import served
from scripts.server.scaling import scale
from scripts.server.state import Server

WARM_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """What one measurement sends: so many texts per request, of so many tokens, None for `mixed`."""

    texts_each: int
    tokens: int | None


def rates(context: Context, server: Server, texts: dict[int | None, Texts]) -> None:
    """All rows with one worker, and then the first and the last of `mixed` with more.

    Those two take the whole time with one worker; half of it is enough for the others.
    """
    sizes = context.sizes.served
    rows = [Row(each, tokens) for tokens in sizes.tokens for each in sizes.texts_each]
    few = [rows[0], Row(sizes.texts_each[-1], sizes.tokens[0])]
    for number, workers in enumerate(sizes.workers):
        if context.late("rate", left_out={"workers": workers}):
            continue
        begin = monotonic()
        scale(server, MAIN, workers)
        scaled = round(monotonic() - begin, 1)
        for row in rows if number == 0 else few:
            about = {"workers": workers, "texts_each": row.texts_each, "tokens": row.tokens or "mixed"}
            if not context.late("rate", left_out=about):
                seconds = sizes.seconds if number == 0 and row in few else sizes.seconds / 2
                found = measure(context, server, row, texts[row.tokens], seconds)
                context.add("rate", **about, scaled_seconds=scaled, **found)


def measure(context: Context, server: Server, row: Row, texts: Texts, seconds: float) -> dict[str, Any]:
    """One closed loop."""
    sizes, cpu = context.sizes.served, Cpu(server)
    order = Order(
        url=f"{url(server)}/{VERSION}/v1/embeddings",
        file=str(texts.file),
        texts_each=row.texts_each,
        in_flight=sizes.in_flight,
        warm=min(WARM_SECONDS, seconds),
        seconds=seconds,
        seed=0,
    )
    with smi.sampled() as samples:

        def begun() -> None:
            cpu.begin()
            samples.clear()

        found = send(order, sizes.processes, begun)
        spent = cpu.spent()
    load = round(sum(share.cpu for share in found), 2)
    about = {"in_flight": order.in_flight, "processes": len(found)}
    return about | summary(found, texts.mean) | {"cpu_seconds": spent | {"load": load}} | samples.report()


class Cpu:
    """CPU time of Java and of the workers of a model."""

    def __init__(self, server: Server) -> None:
        self.roles: dict[str, list[int]] = {"java": [server.pid], "workers": pids(server)}
        self.before: dict[str, float] = {}

    def begin(self) -> None:
        """Count from now."""
        self.before = self.now()

    def now(self) -> dict[str, float]:
        """Seconds so far, by role."""
        return {role: sum(served.cpu_seconds(ids).values()) for role, ids in self.roles.items()}

    def spent(self) -> dict[str, float]:
        """Seconds since, by role."""
        return {role: round(seconds - self.before[role], 2) for role, seconds in self.now().items()}


def make(context: Context, checkpoint: Path, longest: int, folder: Path) -> dict[int | None, Texts]:
    """The texts of all rows."""
    from benchmarks.gpu.served import texts

    return {tokens: texts.make(checkpoint, tokens, longest, folder) for tokens in context.sizes.served.tokens}
