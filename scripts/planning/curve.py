"""Latency over load: the simulation at many rates."""

from __future__ import annotations

from dataclasses import replace

from scripts.planning import search
from scripts.planning.chart import Chart, Line
from scripts.planning.host import Host
from scripts.planning.plan import Plan
from scripts.planning.search import Goal

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0)
"""Of what all hosts can do."""


def chart(host: Host, plan: Plan, goal: Goal, name: str) -> Chart:
    """p50 and p99 of the planned hosts over the rate, with one zone lost as well where there are zones."""
    most = plan.spread * search.capacity(host, goal.tokens)
    rates = [share * most for share in SHARES]
    left = plan.spread - plan.spread // plan.zones
    lines = [line(host, plan.spread, goal, rates, f"{plan.spread} hosts")]
    if plan.zones > 1:
        lines.append(line(host, left, goal, [rate for rate in rates if rate <= rates[-1] * left / plan.spread],
                          f"{left} hosts: one of {plan.zones} zones lost"))  # fmt: skip
    return Chart(
        f"{name}: p99 (p50 dashed) over load",
        [each for pair in lines for each in pair],
        across=("requests per second", goal.rate),
        up=("ms", goal.p99 * 1000),
    )


def line(host: Host, hosts: int, goal: Goal, rates: list[float], name: str) -> tuple[Line, Line]:
    """p99 and p50, in milliseconds."""
    found = [(rate, search.outcome(host, hosts, replace(goal, rate=rate), search.GROUP)) for rate in rates]
    p99, p50 = ([(rate, 1000 * outcome.percentile(level)) for rate, outcome in found] for level in (99, 50))
    return Line(name, p99), Line("", p50, dashed=True)
