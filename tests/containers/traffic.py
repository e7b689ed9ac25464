"""Clients that ask again and again, each time one of the pods that a Service would name."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from threading import Event, Thread
from time import monotonic

import requests


class Traffic:
    """Threads of load, until it is left.

    Attributes:
        results: HTTP statuses, or names of exceptions -> how often.
        seconds: of every answer.
    """

    def __init__(self, endpoints: Callable[[], list[str]], clients: int, path: str, body: object) -> None:
        self.endpoints, self.path, self.body = endpoints, path, body
        self.results: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.ending = Event()
        self.threads = [Thread(target=self.ask) for _ in range(clients)]

    def __enter__(self) -> Traffic:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def ask(self) -> None:
        """One client."""
        while not self.ending.is_set():
            urls = self.endpoints()
            if not urls:
                self.results["no endpoint"] += 1
                self.ending.wait(0.1)
                continue
            begun = monotonic()
            try:
                result = str(requests.post(random.choice(urls) + self.path, json=self.body, timeout=60).status_code)
            except requests.RequestException as error:
                result = type(error).__name__
            self.seconds.append(monotonic() - begun)
            self.results[result] += 1

    def said(self) -> str:
        """In words."""
        most = sorted(self.seconds)[int(len(self.seconds) * 0.99)]
        return f"{dict(self.results)}, 99 % within {most:.2f} s"
