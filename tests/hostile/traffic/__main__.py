"""Hostile clients beside ordinary ones: `python -m tests.hostile.traffic`, with `--gateway` in front or without.

A row is good where ordinary clients lost nothing and waited at most a second, with 95 % of their answers in at most
three times the time of those without the attack, before it or while a process that does nothing else takes as much of
a core as the attacker did, who would be elsewhere; where no process was replaced, and each has, ten seconds later, at
most half as much memory again as at the start. `--url` and `--pid` name a server that runs.
"""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic, process_time, sleep
from urllib.parse import urlsplit

import psutil
import requests

from tests.e2e.conftest import free_port
from tests.hostile import calls
from tests.hostile.taking import taking
from tests.hostile.traffic.attacks import ATTACKS, PATH
from tests.hostile.traffic.ordinary import TIMEOUT, Ordinary, asking

ALONE, SETTLE = 5.0, 10.0
MOST_SECONDS, MOST_TIMES, MOST_MEMORY = 1.0, 3.0, 1.5
RECOVERY = 300.0


@dataclass
class Row:
    """What an attack cost.

    Attributes:
        share: of a core, which the attacker used.
        alone: ordinary clients before the attack.
        beside: and after it, while a process takes that share.
        memory: the most that a process of each name has grown to, in times of its start.
    """

    name: str
    outcome: str
    seconds: float
    share: float
    alone: Ordinary
    during: Ordinary
    beside: Ordinary
    memory: Mapping[str, float]
    replaced: int

    def faults(self) -> list[str]:
        """Which of the limits were exceeded."""
        without = max(self.alone.p95, self.beside.p95)
        found = {
            f"{len(self.during.lost)} ordinary requests lost": bool(self.during.lost),
            f"a wait over {MOST_SECONDS:g} s": self.during.worst > MOST_SECONDS,
            f"p95 over {MOST_TIMES:g} times as much": self.during.p95 > MOST_TIMES * without,
            **{f"memory of {name} x {times:.1f}": times > MOST_MEMORY for name, times in self.memory.items()},
            f"{self.replaced} processes replaced": self.replaced > 0,
        }
        return [fault for fault, there in found.items() if there]

    def __str__(self) -> str:
        ordinary = (
            f"{len(self.during.took)} right, p95 {1000 * self.during.p95:.0f} ms (alone {1000 * self.alone.p95:.0f}, "
            f"with {self.share:.0%} of a core taken {1000 * self.beside.p95:.0f}), worst {self.during.worst:.2f} s"
        )
        grown = ", ".join(f"{name} x {times:.2f}" for name, times in sorted(self.memory.items()))
        verdict = "; ".join(self.faults()) or "good"
        return (
            f"{self.name}: {self.outcome}, {self.seconds:.0f} s | {ordinary} | {grown} | "
            f"{'FAILED: ' if self.faults() else ''}{verdict}"
        )


def memory(roots: Sequence[int]) -> dict[int, int]:
    """Resident bytes of these processes and of all below them."""
    found: dict[int, int] = {}
    for root in map(psutil.Process, roots):
        found |= {each.pid: each.memory_info().rss for each in [root, *root.children(recursive=True)]}
    return found


def recovered(url: str) -> None:
    """Wait until an ordinary request is answered in a second, or for long enough."""
    until = monotonic() + RECOVERY
    while monotonic() < until:
        begin = monotonic()
        try:
            if requests.post(url, json={"inputs": "a"}, timeout=TIMEOUT).ok and monotonic() - begin < 1:
                return
        except requests.RequestException:
            pass
        sleep(1)


def attacked(name: str, url: str, roots: Sequence[int], start: dict[int, int]) -> Row:
    """Ordinary clients alone, beside one attack, and with as much of a core taken as it took."""
    parts = urlsplit(url)
    had: list[Ordinary] = []
    with asking(url, had):
        sleep(ALONE)
    pids = set(memory(roots))
    begin, used = monotonic(), process_time()
    with asking(url, had):
        outcome = ATTACKS[name]((parts.hostname or "", parts.port or 80))
    seconds, used = monotonic() - begin, process_time() - used
    sleep(SETTLE)
    after = memory(roots)
    recovered(url)
    with taking(share := min(1.0, used / seconds)), asking(url, had):
        sleep(ALONE)
    grown: dict[str, float] = {}
    for pid in after.keys() & start.keys():
        program = psutil.Process(pid).name()
        grown[program] = max(grown.get(program, 0.0), after[pid] / start[pid])
    alone, during, beside = had
    return Row(name, outcome, seconds, share, alone, during, beside, grown, len(set(after) - pids))


def main() -> int:
    """The exit status: 0 when every row is good."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="base address of a running server; without it one is started")
    parser.add_argument("--pid", type=int, action="append", default=[], help="its processes, with all below them")
    parser.add_argument("--gateway", action="store_true", help="ask through a gateway")
    parser.add_argument("--only", default="", help="attacks whose names match this pattern")
    options = parser.parse_args()
    with ExitStack() as stack:
        if not options.url:
            server = stack.enter_context(calls.started(free_port()))
            options.url = server.url
            options.pid = [psutil.Process(calls.pids(server)[0]).ppid()]
            if options.gateway:
                door = stack.enter_context(calls.gateway(server))
                options.url, options.pid = door.url, [*options.pid, door.pid]
        url = options.url + PATH
        with asking(url, []):
            sleep(ALONE)
        start, rows = memory(options.pid), []
        for name in ATTACKS:
            if re.search(options.only, name):
                rows.append(attacked(name, url, options.pid, start))
                print(rows[-1], flush=True)
    failed = sum(bool(row.faults()) for row in rows)
    print(f"{len(rows) - failed} of {len(rows)} good")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
