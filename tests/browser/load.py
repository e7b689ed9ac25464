"""Clients beside the page, in a process of their own: `with clients(URL, 16) as load`; who is answered asks again.

The process ends with its standard input, and so with whoever started it. A line there is answered with what was
counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread

import requests

from scripts.paths import ROOT

TEXTS = [f"client number {number} asks about the weather" for number in range(8)]
TIMEOUT = 120


@dataclass
class Load:
    """What runs in the other process."""

    process: subprocess.Popen[str]

    def counted(self) -> list[dict[str, int]]:
        """By client: how often it was answered with which status, or by which error."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return [*json.loads(self.process.stdout.readline())]


@contextmanager
def clients(url: str, count: int) -> Iterator[Load]:
    """Ask an address without an end."""
    words = [sys.executable, "-m", __name__, url, str(count)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, cwd=ROOT, text=True, **pipes) as process:
        try:
            yield Load(process)
        finally:
            assert process.stdin
            process.stdin.close()


def ask(url: str, number: int, found: Counter[str]) -> None:
    """One client."""
    body = {"inputs": TEXTS[: 1 + number % len(TEXTS)]}
    with requests.Session() as session:
        while True:
            try:
                found[str(session.post(url, json=body, timeout=TIMEOUT).status_code)] += 1
            except requests.RequestException as error:
                found[type(error).__name__] += 1


def main(url: str, count: int) -> None:
    """See the module."""
    found: list[Counter[str]] = [Counter() for _ in range(count)]
    for number, each in enumerate(found):
        Thread(target=ask, args=(url, number, each), daemon=True).start()
    for _ in sys.stdin:
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
