"""Upgrades and rollbacks under load: `python -m tests.hostile.upgrades`.

Two archives whose vectors differ: the second one does not normalize. Clients ask for the same text again while
the server goes from the first to the second and back. Each answer has to be one version's or the other's.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread

import requests

from scripts.packing import pack as packer
from scripts.paths import ROOT
from tests.e2e.conftest import Cli, free_port

MODEL = ROOT / ".cache" / "checkpoints" / "all-MiniLM-L6-v2"
TEXT = "A man is eating food."
BODY = {"task": "embedding", "inputs": TEXT}
RESULTS = Path(__file__).with_name("results") / "upgrades.txt"


def ask(url: str, answers: dict[bytes, str], counts: Counter[str], over: Event) -> None:
    """One client: it keeps its connection, and opens another where the server closed it, without asking again."""
    with requests.Session() as session:
        session.trust_env = False
        while not over.is_set():
            try:
                got = session.post(url, json=BODY, timeout=30)
                counts[answers.get(got.content, "wrong") if got.status_code == 200 else f"{got.status_code}"] += 1
            except requests.RequestException as error:
                counts[type(error).__name__] += 1


def rounds(command: Cli, archive: Path, count: int, clients: int) -> tuple[Counter[str], list[tuple[float, float]]]:
    """Go there and back `count` times; what clients got, and seconds of each upgrade and rollback."""
    url = f"{command.url}/predictions/bert"
    counts: Counter[str] = Counter()
    over, seconds, answers = Event(), [], {requests.post(url, json=BODY).content: "1.0"}
    command("upgrade", "bert", str(archive))
    answers[requests.post(url, json=BODY).content] = "2.0"
    command("rollback", "bert")
    command("retire", "bert")
    assert len(answers) == 2, "both versions answer alike: nothing can be told apart"
    threads = [Thread(target=ask, args=(url, answers, counts, over)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(count):
            begin = time.perf_counter()
            command("upgrade", "bert", str(archive))
            middle = time.perf_counter()
            command("rollback", "bert")
            seconds.append((middle - begin, time.perf_counter() - middle))
            command("retire", "bert")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    return counts, seconds


def main(words: Sequence[str] | None = None) -> None:
    """Pack, start, upgrade and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--write", action="store_true", help=f"keep the result in {RESULTS.name}")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as here:
        store = Path(here) / "store"
        store.mkdir()
        packer.pack(MODEL, "bert", "1.0", {}, store)
        packer.pack(MODEL, "next", "2.0", {"handler": {"normalize": False}}, store)
        command = Cli(Path(here) / "runs", store, free_port())
        command("start", "bert")
        try:
            counts, seconds = rounds(command, store / "next.mar", given.rounds, given.clients)
        finally:
            command("stop")
    total = sum(counts.values())
    good = counts["1.0"] + counts["2.0"]
    lines = [
        f"{given.rounds} upgrades and rollbacks under {given.clients} clients: {total} requests, {total - good} failed",
        json.dumps(dict(sorted(counts.items()))),
        "seconds of upgrade and rollback: " + ", ".join(f"{there:.1f} {back:.1f}" for there, back in seconds),
    ]
    print("\n".join(lines))
    if given.write:
        RESULTS.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
