"""Upgrades and rollbacks under load: `python -m tests.hostile.upgrades --gateway --canary 10`.

Two archives whose vectors differ: the second one takes the first token's. Clients ask for the same text again while
the server goes from the first to the second and back. Each answer has to be one version's or the other's.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import requests

from scripts.packing import pack as packer
from scripts.paths import ROOT
from tests.e2e.conftest import Cli, free_port
from tests.hostile.calls import gateway

MODEL = ROOT / ".cache" / "checkpoints" / "all-MiniLM-L6-v2"
TEXT = "A man is eating food."
BODY = {"task": "embedding", "inputs": TEXT}
BODIES = {"/predictions/bert": BODY, "/embed": {"inputs": TEXT}}
"""Addresses without a version, and what is asked there; the second one is the gateway's."""
RESULTS = Path(__file__).with_name("results")


def ask(url: str, answers: dict[bytes, str], counts: Counter[str], over: Event) -> None:
    """One client: it keeps its connection, and opens another where the server closed it, without asking again."""
    with requests.Session() as session:
        session.trust_env = False
        while not over.is_set():
            try:
                got = session.post(url, json=BODIES[urlsplit(url).path], timeout=30)
                counts[answers.get(got.content, "wrong") if got.status_code == 200 else f"{got.status_code}"] += 1
            except requests.RequestException as error:
                counts[type(error).__name__] += 1


def rounds(
    command: Cli, archive: Path, count: int, clients: int, url: str = ""
) -> tuple[Counter[str], list[tuple[float, float]]]:
    """Go there and back `count` times; what clients got, and seconds of each upgrade and rollback."""
    url = url or f"{command.url}/predictions/bert"
    seconds, answers = [], both(command, archive, url)
    with asking(url, answers, clients) as counts:
        for _ in range(count):
            begin = time.perf_counter()
            command("upgrade", "bert", str(archive))
            middle = time.perf_counter()
            command("rollback", "bert")
            seconds.append((middle - begin, time.perf_counter() - middle))
            command("retire", "bert")
    return counts, seconds


def both(command: Cli, archive: Path, url: str) -> dict[bytes, str]:
    """What each version answers."""
    body = BODIES[urlsplit(url).path]
    answers = {requests.post(url, json=body).content: "1.0"}
    command("upgrade", "bert", str(archive))
    answers[requests.post(url, json=body).content] = "2.0"
    command("rollback", "bert")
    command("retire", "bert")
    assert len(answers) == 2, "both versions answer alike: nothing can be told apart"
    return answers


@contextmanager
def asking(url: str, answers: dict[bytes, str], clients: int) -> Iterator[Counter[str]]:
    """Clients that ask until the end of the block; what they got."""
    counts, over = Counter[str](), Event()
    threads = [Thread(target=ask, args=(url, answers, counts, over)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        over.set()
        for thread in threads:
            thread.join()


def canary(command: Cli, archive: Path, percent: int, clients: int, url: str, seconds: float) -> list[Counter[str]]:
    """Try a version out, take it back, try it again and finish: what clients got in each of these."""
    answers = both(command, archive, url)
    found = []
    with asking(url, answers, clients) as counts:
        for words in (("rollback",), ("upgrade", "rollback")):
            command("upgrade", "bert", str(archive), "--canary", str(percent))
            found.append(during(counts, seconds))
            command(words[0], "bert")
            found.append(during(counts, seconds / 10))
            for word in (*words[1:], "retire"):
                command(word, "bert")
    return [*found, counts]


def during(counts: Counter[str], seconds: float) -> Counter[str]:
    """What clients get from a moment after now, when answers of before have come."""
    time.sleep(1)
    before = Counter(counts)
    time.sleep(seconds)
    return Counter(counts) - before


def round_lines(given: argparse.Namespace, counts: Counter[str], seconds: list[tuple[float, float]]) -> list[str]:
    """What came of upgrades and rollbacks."""
    way = "through the gateway's /embed" if given.gateway else "at /predictions/bert"
    return [
        f"{given.rounds} upgrades and rollbacks under {given.clients} clients {way}: {summary(counts)}",
        "seconds of upgrade and rollback: " + ", ".join(f"{there:.1f} {back:.1f}" for there, back in seconds),
    ]


def canary_lines(percent: int, found: list[Counter[str]]) -> list[str]:
    """What came of a canary."""
    names = ("while it ran", "after rollback", "while it ran again", "after upgrade", "all this time")
    lines = []
    for name, counts in zip(names, found, strict=True):
        share = 100 * counts["2.0"] / max(1, counts["1.0"] + counts["2.0"])
        lines.append(f"canary of {percent} %, {name}: {share:.1f} % of the answers are its own; {summary(counts)}")
    return lines


def summary(counts: Counter[str]) -> str:
    """Requests, failures, and both by what they got."""
    total, good = sum(counts.values()), counts["1.0"] + counts["2.0"]
    return f"{total} requests, {total - good} failed {json.dumps(dict(sorted(counts.items())))}"


def main(words: Sequence[str] | None = None) -> None:
    """Pack, start, upgrade and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--gateway", action="store_true", help="ask a route of a gateway that names no version")
    parser.add_argument("--canary", type=int, default=0, help="per cent for a canary, before the rounds")
    parser.add_argument("--seconds", type=float, default=20, help="of each canary")
    parser.add_argument("--write", action="store_true", help=f"keep the result in {RESULTS.name}/")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as here:
        store = Path(here) / "store"
        store.mkdir()
        packer.pack(MODEL, "bert", "1.0", {}, store)
        packer.pack(MODEL, "next", "2.0", {"handler": {"pooling": "cls"}}, store)
        command = Cli(Path(here) / "runs", store, free_port())
        command("start", "bert")
        lines = []
        try:
            with gateway(command, "--max-wait", "5000") if given.gateway else nullcontext() as door:  # refuses nobody
                url = f"{door.url}/embed" if door else f"{command.url}/predictions/bert"
                if given.canary:
                    found = canary(command, store / "next.mar", given.canary, given.clients, url, given.seconds)
                    lines += canary_lines(given.canary, found)
                lines += round_lines(given, *rounds(command, store / "next.mar", given.rounds, given.clients, url))
        finally:
            command("stop")
    print("\n".join(lines))
    if given.write:
        (RESULTS / ("upgrades_gateway.txt" if given.gateway else "upgrades.txt")).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
