"""The fewest hosts that answer a rate within a time."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf

from scripts.console import Failure
from scripts.planning import traffic
from scripts.planning.host import Host
from scripts.planning.simulation import Outcome, simulate, token_seconds

REQUESTS = 100_000  # of a simulation, 1,000 of which are slower than the 99th percentile
EACH = 400  # at least so many for each host
GROUP = 64
"""Hosts that are simulated for more of them while searching: each then sees what it sees among thousands. The answer
is simulated whole."""
REFUSED = 1e-4  # share of the requests that may be
DOUBLINGS = 8  # of the fewest hosts that could do the work
MOST = 10_000
"""Hosts that are simulated whole: four million requests, 0.8 GB and 15 s of one core."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is asked for.

    Attributes:
        rate: requests per second, of one text each.
        p99: seconds.
        tokens: of a text: `mixed`, or a number.
        seed: of the simulated traffic.
    """

    rate: float
    p99: float
    tokens: str = "mixed"
    seed: int = 0

    def met(self, outcome: Outcome) -> bool:
        """Whether an outcome is as wished."""
        return outcome.percentile(99) <= self.p99 and outcome.refused <= REFUSED


def capacity(host: Host, tokens: str) -> float:
    """Requests per second of a host with full batches."""
    lengths = traffic.make(1, 20_000, tokens).tokens
    return host.capacity(1000 * float(token_seconds(host, lengths).mean()))


def outcome(host: Host, hosts: int, goal: Goal, most: int | None = None) -> Outcome:
    """Simulate the goal's rate on so many hosts, or an equal share of it on `most` of them."""
    simulated = min(hosts, most or hosts)
    requests = max(REQUESTS, EACH * simulated)
    sent = traffic.make(goal.rate * simulated / hosts, requests, goal.tokens, goal.seed)
    return simulate(host, simulated, sent, goal.seed)


def fewest(host: Host, goal: Goal) -> int:
    """The fewest hosts that meet the goal.

    Raises:
        Failure: no number of them does, since a host answers nothing at all, or not even a lone request in time; or
            more than `MOST` are needed.
    """
    each = capacity(host, goal.tokens)
    if not 0 < each < inf:
        raise Failure(
            f"by its numbers a host answers {each:g} requests per second",
            fix="give costs above 0, and fewer other_cores than cores",
        )
    check_count(goal.rate / each, goal)
    low = ceil(goal.rate / each) - 1  # too few
    high = max(1, low + 1)
    for _ in range(DOUBLINGS):
        if goal.met(outcome(host, high, goal, GROUP)):
            break
        low, high = high, 2 * high
    else:
        found = outcome(host, high, goal, GROUP).percentile(99)
        raise Failure(
            f"p99 of {goal.p99 * 1000:g} ms is out of reach: it is {found * 1000:.1f} ms on {high} hosts",
            fix="allow more time, fewer tokens, or measure a faster host, model or runtime",
        )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if goal.met(outcome(host, middle, goal, GROUP)) else (middle, high)
    check_count(high, goal)
    while high > GROUP and not goal.met(outcome(host, high, goal)):
        high += max(1, high // 100)
        check_count(high, goal)
    return high


def check_count(hosts: float, goal: Goal, zones: int = 1) -> None:
    """Refuse more hosts than are simulated.

    Raises:
        Failure: see above.
    """
    if hosts > MOST:
        spread = f" over {zones} zones" if zones > 1 else ""
        raise Failure(
            f"{goal.rate:g} requests per second{spread} take {hosts:.0f} hosts or more; {MOST} can be simulated",
            fix="plan a part of the rate and multiply the hosts" + (", or name fewer zones" if spread else ""),
        )
