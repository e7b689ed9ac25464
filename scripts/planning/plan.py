"""The plan: hosts, what latency they give, what the loss of a zone does, and what it all costs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil
from time import perf_counter
from typing import Any

from scripts.planning import search
from scripts.planning.host import Host
from scripts.planning.search import Goal

Row = dict[str, Any]
COLUMNS = {
    "case": "case",
    "hosts": "hosts",
    "per_host": "req/s each",
    "load": "of capacity",
    "p50_ms": "p50 ms",
    "p90_ms": "p90 ms",
    "p99_ms": "p99 ms",
    "refused": "refused",
}
"""Keys of a row, with their titles."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was found.

    Attributes:
        hosts: that meet the goal, with every zone up.
        zones: the hosts are spread over; 1 for none.
        spread: hosts that meet the goal with one zone lost; equal to `hosts` with one zone.
        rows: latency of each case, by the keys of `COLUMNS`.
        simulated: requests per second of this machine's time.
    """

    hosts: int
    zones: int
    spread: int
    rows: list[Row]
    simulated: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def leaner(self) -> int:
        """Fewer zones that spare a host with fewer hosts in all, any one of them lost; 0 where none do.

        An even spread over many zones has a host in each, needed or not.
        """
        zones = min(range(2, self.zones + 1), key=lambda each: spared(self.hosts, each), default=0)
        return zones if zones and spared(self.hosts, zones) < self.spread else 0

    def cost(self, price: float, rate: float) -> float:
        """Of a million texts, with a host's price per hour."""
        return self.spread * price / (3600 * rate) * 1e6


def make(host: Host, goal: Goal, zones: int = 1) -> Plan:
    """Find the hosts, and simulate them; with zones also without one.

    Raises:
        Failure: see `search.fewest`; the spare hosts count.
    """
    hosts = search.fewest(host, goal)
    spread = spared(hosts, zones)
    search.check_count(spread, goal, zones)
    cases = {"fewest hosts": hosts}
    if zones > 1:
        cases |= {
            "fewest hosts, one zone lost": hosts - ceil(hosts / zones),
            "with spare hosts": spread,
            "with spare hosts, one zone lost": spread - spread // zones,
        }
    begin = perf_counter()
    rows = [row(case, host, count, goal) for case, count in cases.items()]
    sent = sum(max(search.REQUESTS, search.EACH * count) for count in cases.values() if count)
    return Plan(hosts, zones, spread, rows, sent / (perf_counter() - begin))


def spared(hosts: int, zones: int) -> int:
    """Hosts, the same number in each zone, of which so many are left when a zone is lost."""
    return zones * ceil(hosts / (zones - 1)) if zones > 1 else hosts


def row(case: str, host: Host, hosts: int, goal: Goal) -> Row:
    """One case; without any host all is refused."""
    if hosts == 0:
        return {"case": case, "hosts": 0, "refused": 1.0}
    found, each = search.outcome(host, hosts, goal), goal.rate / hosts
    return {
        "case": case,
        "hosts": hosts,
        "per_host": round(each, 1),
        "load": round(each / search.capacity(host, goal.tokens), 2),
        **{f"p{level}_ms": round(1000 * found.percentile(level), 1) for level in (50, 90, 99)},
        "refused": round(found.refused, 4),
    }
