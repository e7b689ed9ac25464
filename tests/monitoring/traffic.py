"""Requests of several tasks and kinds, right and wrong, for metrics to be about."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep
from typing import Any

import requests

WORDS = ["a", "cat", "sat", "on", "the", "mat", "and", "how", "are", "you"]


def bodies(draw: random.Random) -> Iterator[dict[str, Any]]:
    """One after the other, for ever."""
    while True:
        texts = [" ".join(draw.choices(WORDS, k=draw.randint(2, 40))) for _ in range(draw.choice((1, 1, 2, 8)))]
        kind = draw.random()
        if kind < 0.6:
            yield {"inputs": texts}
        elif kind < 0.75:
            yield {"source": texts[0], "sentences": texts, "task": "similarity"}
        elif kind < 0.85:
            yield {"inputs": texts, "task": "tokenize"}
        elif kind < 0.93:
            yield {"inputs": " ".join(draw.choices(WORDS, k=400))}
        elif kind < 0.97:
            yield {"inputs": ""}
        else:
            yield {"inputs": texts, "task": "summarize"}


def send(url: str, seconds: float, clients: int, pause: float = 0.0) -> int:
    """From several clients at once, until that time has passed; how many requests were answered or refused."""

    def client(number: int) -> int:
        draw, end, count = random.Random(number), monotonic() + seconds, 0
        with requests.Session() as session:
            for body in bodies(draw):
                if monotonic() > end:
                    return count
                session.post(url, json=body, timeout=60)
                count += 1
                sleep(pause)
        return count

    with ThreadPoolExecutor(clients) as pool:
        return sum(pool.map(client, range(clients)))
