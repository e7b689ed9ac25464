"""Thousands of requests from each owner's schemas, on a server of its own.

`python -m tests.hostile.schemas --count 5000`. None that the schema accepts is refused, unless the model cannot serve
it; every answer is of the owner's schema; what the schema refuses is a 4xx; no worker is replaced.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
from argparse import ArgumentParser
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import requests

from scripts.sources import pull
from tests import heads
from tests.e2e.conftest import Cli, serving
from tests.hostile.schemas import breaking, cohere, open_inference, openai, tei
from tests.hostile.schemas.exchange import Exchange, Owner, encode
from tests.hostile.schemas.report import Report

OWNERS = [openai.OWNER, cohere.OWNER, tei.OWNER, open_inference.OWNER]
CLIENTS = 8
BROKEN = 4
"""Of how many requests one more is sent that the schema refuses."""
SECONDS = 120
own = threading.local()


class Outcome(NamedTuple):
    """Of one request: its body, where and how it was broken if it was, the status, and what is wrong."""

    body: Any
    beyond: str
    broken: tuple[str, ...] | None
    how: str
    status: str
    wrong: str


def ask(server: Cli, exchange: Exchange, archives: Sequence[str], dice: random.Random, break_it: bool) -> Outcome:
    """One request."""
    body = exchange.draw(exchange.request, dice)
    beyond, broken, how = exchange.beyond(body), None, ""
    if break_it:
        broken, how, body = breaking.broken(body, exchange.accepts, dice)
        beyond = ""
    address = server.url + exchange.address.format(archive=dice.choice([a for a in exchange.archives if a in archives]))
    raw, headers = (encode if break_it else exchange.encode)(body, dice)  # a broken tensor has no bytes
    session: requests.Session = own.__dict__.setdefault("session", requests.Session())
    try:
        answer = session.post(address, data=raw, headers=headers, timeout=SECONDS)
    except requests.RequestException as error:
        return Outcome(body, beyond, broken, how, "lost", f"lost: {error!r}")
    return Outcome(body, beyond, broken, how, str(answer.status_code), judged(exchange, body, answer, beyond, broken))


def judged(exchange: Exchange, body: Any, answer: requests.Response, beyond: str, broken: Any) -> str:
    """What is wrong with an answer; empty where nothing is."""
    route = exchange.address.rsplit("/", 1)[-1]
    if answer.status_code >= 500 or (answer.status_code != 200 and not 400 <= answer.status_code < 500):
        return f"{route}: {answer.status_code}: {answer.text[:300]}"
    if broken is not None:
        return ""
    if (answer.status_code == 200) is bool(beyond):
        return f"{route}: {answer.status_code} where {beyond or 'nothing'} is beyond the model: {answer.text[:300]}"
    wrong = exchange.wrong(body, answer) if answer.status_code == 200 else ""
    return f"{route}: {wrong}" if wrong else ""


def run(server: Cli, owner: Owner, count: int, seed: int, archives: Sequence[str]) -> Report:
    """`count` requests that the schema accepts, and a quarter as many that it refuses."""
    report, start = Report(owner.name), perf_counter()
    known = [each for each in owner.exchanges if set(each.archives) & set(archives)]
    dices = [random.Random(f"{owner.name} {seed} {number}") for number in range(count + count // BROKEN)]

    def one(number: int) -> tuple[Exchange, Outcome]:
        dice = dices[number]
        exchange = dice.choices(known, [each.share for each in known])[0]
        return exchange, ask(server, exchange, archives, dice, number >= count)

    with ThreadPoolExecutor(CLIENTS) as clients:
        for exchange, found in clients.map(one, range(len(dices))):
            file(report, exchange, found)
    report.seconds = perf_counter() - start
    return report


def file(report: Report, exchange: Exchange, found: Outcome) -> None:
    """Count an outcome."""
    if found.wrong:
        report.fault(found.wrong, found.body)
    if found.broken is None:
        counter = report.beyond if found.beyond else report.statuses
        counter[f"{found.status} for {found.beyond}" if found.beyond else found.status] += 1
        return
    report.broken[found.status] += 1
    if found.status != "200":
        return
    kind = f"{'.'.join(found.broken)}: {found.how}"
    if found.how == breaking.NULL or set(found.broken[:1]) & exchange.unread or kind in exchange.lenient:
        report.lenient[kind] += 1
    else:
        report.fault(f"{exchange.address}: 200 for {kind}", found.body)


def pids(server: Cli, archives: Sequence[str]) -> dict[str, list[int]]:
    """Of all workers."""
    return {name: sorted(worker["pid"] for worker in server.workers(name)) for name in archives}


def errors(server: Cli) -> list[str]:
    """Of the workers' log."""
    log = server.runs / str(server.port) / "logs" / "worker.log"
    text = log.read_text(errors="replace") if log.exists() else ""
    return [line for line in text.splitlines() if "ERROR" in line or "Traceback" in line]


def folders(minilm: Path, here: Path) -> dict[str, Path]:
    """Checkpoints of the archives that the schemas' routes need."""
    return {"bert": minilm, **heads.one_of_each(minilm, here)}


def main() -> int:
    """The exit status: 0 when nothing was wrong."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000, help="requests of each owner that its schema accepts")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    archives, good = ("bert", "classes", "reranker", "words"), True
    minilm = pull.pull("all-MiniLM-L6-v2")
    with tempfile.TemporaryDirectory() as scratch, serving(folders(minilm, Path(scratch)), Path(scratch)) as server:
        before, faults = pids(server, archives), len(errors(server))
        for owner in OWNERS:
            report = run(server, owner, options.count, options.seed, archives)
            print(report, flush=True)
            good = good and report.good
        after, logged = pids(server, archives), errors(server)[faults:]
    print(f"workers {before} -> {after}; {len(logged)} errors in the log {logged[:5]}")
    return 0 if good and before == after and not logged else 1


if __name__ == "__main__":
    sys.exit(main())
