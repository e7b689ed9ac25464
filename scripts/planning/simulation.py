"""The simulation: requests through hosts, event by event.

Assumptions, each with what it leaves out, are in `docs/planning.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import repeat
from math import inf

import numpy as np

from scripts.planning.balance import Balancer, LeastConnections, One
from scripts.planning.host import Host
from scripts.planning.machine import Machine
from scripts.planning.traffic import Floats, Traffic

WARM_UP = 0.1  # share of the requests that come before the ones that count: hosts begin empty
NOISES = 1 << 16  # drawn at once


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the requests.

    Attributes:
        latencies: seconds of each request `(requests,)`; nan for one that was refused.
        batches: how many were computed.
        batch_seconds: of cores that they took, with Java's part of them (`java_batch_ms`).
    """

    latencies: Floats
    batches: int
    batch_seconds: float

    @property
    def refused(self) -> float:
        """Share of the requests."""
        return float(np.isnan(self.latencies).mean())

    def percentile(self, level: float) -> float:
        """Of the latencies of answers, in seconds; infinite where there are none. Warm-up is left out."""
        settled = self.latencies[int(WARM_UP * len(self.latencies)) :]
        answered = settled[~np.isnan(settled)]
        return float(np.percentile(answered, level)) if len(answered) else inf


def simulate(host: Host, hosts: int, traffic: Traffic, seed: int = 0, clients_here: bool = False) -> Outcome:
    """Send the traffic to that many hosts behind one balancer.

    Args:
        host: what each of them is.
        hosts: at least 1.
        traffic: of all hosts together.
        seed: of the variation of batches.
        clients_here: whether the load generator takes cores of the hosts.
    """
    work = token_seconds(host, traffic.tokens).tolist()
    background = host.other_cores + traffic.rate / hosts * host.background_ms(clients_here) / 1000
    factors = noise(host.variation, np.random.default_rng([seed, 2]))
    machines = [Machine(host, work, background, factors) for _ in range(hosts)]
    balancer: Balancer = LeastConnections(hosts) if hosts > 1 else One()
    ends, batches = run(machines, balancer, traffic.due.tolist())
    latencies = np.asarray(ends) - traffic.due + host.overhead_ms / 1000
    return Outcome(latencies, batches, sum(machine.used for machine in machines))


def run(machines: list[Machine], balancer: Balancer, due: list[float]) -> tuple[list[float], int]:
    """When each request is answered, nan if it is refused; and the number of batches.

    `events` holds when a host has to be looked at. An entry is stale once its host has planned something else.
    """
    ends, batches = [np.nan] * len(due), 0
    events: list[tuple[float, int]] = []
    for request, now in enumerate([*due, inf]):
        while events and events[0][0] <= now:
            time, number = heappop(events)
            machine = machines[number]
            if time != machine.soonest:
                continue
            finished = machine.look(time)
            if finished:
                batches += 1
                for each in finished:
                    ends[each] = time
                    balancer.release(number)
            if machine.soonest < inf:
                heappush(events, (machine.soonest, number))
        if now == inf:
            break
        number = balancer.choose()
        machine = machines[number]
        before = machine.soonest
        if not machine.arrive(request, now):
            balancer.release(number)
        elif machine.soonest != before:
            heappush(events, (machine.soonest, number))
    return ends, batches


def token_seconds(host: Host, tokens: Floats) -> Floats:
    """What the tokens of each request take on one core."""
    return tokens * host.token_ms * (1 + host.attention * tokens) / 1000


def noise(variation: float, random: np.random.Generator) -> Iterator[float]:
    """Gamma-distributed factors with mean 1; all 1 without variation."""
    if not variation:
        yield from repeat(1.0)
    shape = variation**-2
    while True:
        yield from random.gamma(shape, 1 / shape, NOISES).tolist()
