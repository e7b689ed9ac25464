"""Sixteen answers of 18 MB at once through a gateway, beside ordinary clients: `python -m tests.hostile.large`.

Good where all of them came, no worker was replaced, and no ordinary client lost an answer or waited for a second.
"""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import requests

from tests.e2e.conftest import free_port
from tests.hostile import calls
from tests.hostile.traffic.attacks import PATH, TEXT
from tests.hostile.traffic.ordinary import Ordinary, asking

COUNT, TEXTS, MOST_SECONDS, ALONE = 16, 16, 1.0, 5.0


def ask(url: str) -> str:
    """The hidden states of 16 texts: status and megabytes."""
    answer = requests.post(f"{url}{PATH}/1.0/hidden-states", json={"inputs": [TEXT] * TEXTS}, timeout=120)
    return f"{answer.status_code} of {len(answer.content) / 1e6:.1f} MB"


def main() -> int:
    """The exit status: 0 when it is good."""
    had: list[Ordinary] = []
    with calls.started(free_port()) as server, calls.gateway(server) as door, ThreadPoolExecutor(COUNT) as clients:
        workers = calls.pids(server)
        with asking(door.url + PATH, had):
            sleep(ALONE)
        begin = monotonic()
        with asking(door.url + PATH, had):
            answers = Counter(clients.map(ask, [door.url] * COUNT))
            seconds = monotonic() - begin
        replaced = len(set(calls.pids(server)) - set(workers))
    alone, beside = had
    print(f"{dict(answers)} in {seconds:.1f} s, {replaced} workers replaced")
    print(
        f"{len(beside.took)} ordinary answers, {len(beside.lost)} lost, p95 {1000 * beside.p95:.0f} ms "
        f"(alone {1000 * alone.p95:.0f}), worst {beside.worst:.2f} s"
    )
    came = all(what.startswith("200 ") for what in answers)
    return 0 if came and not replaced and not beside.lost and beside.worst < MOST_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
