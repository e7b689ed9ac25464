"""Many clients at once, one request in five bad: each gets the answer it would have had alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any

import requests

from benchmarks.gpu.context import Context
from benchmarks.gpu.served.archives import Archives
from benchmarks.gpu.served.clients import SECONDS, asking
from benchmarks.gpu.served.jobs import Job, draw
from benchmarks.gpu.served.server import url
from benchmarks.gpu.served.wires import Vectors, as_vectors, difference, openai_vectors, post
from scripts.server.state import Server

SHOWN = 5  # examples of what went wrong
ALONE = 64  # texts whose own answers are known


@dataclass(slots=True)
class Verdicts:
    """What became of requests.

    Attributes:
        bound: how far a vector may be from its own.
        statuses: (wanted, got) -> how often; what was got is an exception's name where there was no answer.
        wrong: answers with a status of 200 and other vectors than they should have.
        furthest: difference of a good answer's vector.
        examples: of what went wrong.
    """

    bound: float
    statuses: Counter[tuple[int, int | str]] = field(default_factory=Counter)
    wrong: int = 0
    furthest: float = 0.0
    examples: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def take(self, wanted: int, got: int | str, off: float, about: str) -> None:
        """Count one; `off` is its vectors' difference, 0 where there are none."""
        with self.lock:
            self.statuses[wanted, got] += 1
            self.wrong += off > self.bound
            self.furthest = max(self.furthest, off)
            if (wanted != got or off > self.bound) and len(self.examples) < SHOWN:
                self.examples.append(f"{wanted} -> {got}, off by {off:.2g}: {about}")

    def report(self) -> dict[str, Any]:
        """Counts, of which `wrong` and `server_errors` should be 0."""
        counts = self.statuses.items()
        return {
            "requests": self.statuses.total(),
            "good": sum(number for (wanted, _), number in counts if wanted == 200),
            "bad": sum(number for (wanted, _), number in counts if wanted != 200),
            "wrong": self.wrong,
            "unexpected": {f"{wanted} -> {got}": number for (wanted, got), number in counts if wanted != got},
            "server_errors": sum(number for (_, got), number in counts if not isinstance(got, int) or got >= 500),
            "difference": self.furthest,
            "bound": self.bound,
            "examples": self.examples,
        }


def mixed(context: Context, server: Server, archives: Archives, texts: Sequence[str]) -> None:
    """Ask each text alone, then everything together."""
    sizes, verdicts = context.sizes.served, Verdicts(archives.bound)
    alone = {text: as_vectors(post(url(server), {"inputs": text})) for text in texts[:ALONE]}

    def turn(session: requests.Session, number: int, request: int) -> None:
        judge(session, url(server), draw(number, request, alone), verdicts)

    with asking(sizes.clients, turn):
        Event().wait(sizes.seconds)
    context.add("mixed", clients=sizes.clients, **verdicts.report())


def judge(session: requests.Session, model: str, job: Job, verdicts: Verdicts) -> None:
    """Send one and compare."""
    try:
        answer = session.post(f"{model}{job.path}", job.body, headers={"content-type": job.kind}, timeout=SECONDS)
    except requests.RequestException as error:
        verdicts.take(job.wanted, type(error).__name__, 0.0, repr(job.body[:60]))
        return
    off = 0.0 if job.vector is None or answer.status_code != 200 else distance(answer, job.vector)
    verdicts.take(job.wanted, answer.status_code, off, f"{job.body[:60]!r} {answer.text[:100]}")


def distance(answer: requests.Response, vector: Vectors) -> float:
    """Of the vectors in an answer from the one that each should be; infinite for what is no answer."""
    try:
        got = answer.json()
        rows = as_vectors(openai_vectors(got) if isinstance(got, dict) else got)
        return max(difference(row[None], vector) for row in rows)
    except (ValueError, KeyError, TypeError):
        return float("inf")
