"""The verb `plan`: how many hosts a load needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.console import Failure, out, print_json, step
from scripts.files import documents
from scripts.server import listing
from scripts.verbs.options import Json, ModelName, Port

if TYPE_CHECKING:
    from scripts.planning.host import Host

TIME = re.compile(r"(\d+\.?\d*)\s*(ms|s)")
SECONDS = {"ms": 0.001, "s": 1.0}


def plan(
    rate: Annotated[
        float, typer.Option("--rate", min=0.001, help="requests per second, of one text each, at random times")
    ],
    name: ModelName = "bert",
    p99: Annotated[str, typer.Option("--p99", help="time in which 99 % of them are answered, such as 100ms")] = "100ms",
    tokens: Annotated[
        str, typer.Option("--tokens", help="tokens per text; mixed lengths as in `bench`, or a number such as 40")
    ] = "mixed",
    host: Annotated[
        Path | None,
        typer.Option("--host", help="a host that --save wrote, instead of measuring", exists=True, dir_okay=False),
    ] = None,
    bench: Annotated[
        list[Path] | None,
        typer.Option("--bench", help="results of `bench --save` instead of measuring", exists=True, dir_okay=False),
    ] = None,
    zones: Annotated[
        int, typer.Option("--zones", min=1, help="spread hosts over so many zones, of which any may be lost")
    ] = 1,
    price: Annotated[float | None, typer.Option("--price", min=0, help="of a host per hour")] = None,
    save: Annotated[Path | None, typer.Option("--save", help="write the measured host as JSON")] = None,
    chart: Annotated[Path | None, typer.Option("--chart", help="write latency over load as SVG")] = None,
    seed: Annotated[int, typer.Option("--seed", help="random seed of the simulated traffic")] = 0,
    inference_port: Port = None,
    as_json: Json = False,
) -> None:
    """Plan how many hosts answer a load in time, by a simulation of queues, batches, workers and cores.

    Without --host or --bench the running server's model is measured for a minute, so give it a quiet moment.

    Examples: scripts/bert plan bert --rate 300 --save host.json; scripts/bert plan bert --host host.json --rate 5000
    --p99 100ms --tokens 40 --zones 3 --price 0.17 --chart plan.svg
    """
    from scripts.load import report
    from scripts.planning import curve, traffic
    from scripts.planning import host as hosts
    from scripts.planning import plan as planning
    from scripts.planning.search import Goal

    documents.check_writable(save, chart)
    goal = Goal(rate, seconds(p99), tokens, seed)
    try:
        traffic.make(rate, 1, tokens)  # before anything is measured
    except ValueError as error:
        raise Failure(str(error)) from None
    kind = given(host, bench or [], name, inference_port)
    if save:
        hosts.save(kind, save)
    with step(f"simulating {rate:g} requests per second"):
        found = planning.make(kind, goal, zones)
    if chart:
        with step("simulating other rates"):
            curve.chart(kind, found, goal, name).save(chart)
    cost = None if price is None else found.cost(price, rate)
    if as_json:
        print_json({**found.as_dict(), "cost_per_million_texts": cost, "host": hosts.as_dict(kind)})
        return
    spare = f", {found.spread} over {zones} zones so that one may be lost" if zones > 1 else ""
    out.print(
        f"{found.hosts} host{'' if found.hosts == 1 else 's'}{spare}: {rate:g} texts per second, p99 within {p99}"
    )
    out.print(report.table(found.rows, planning.COLUMNS))
    if fewer := found.leaner():
        least = planning.spared(found.hosts, fewer)
        out.print(f"note: {least} hosts over {fewer} zones bear the loss of one as well as {found.spread} over {zones}")
    if cost is not None:
        out.print(f"a million texts cost {cost:.4g} with {found.spread} hosts at {price:g} per hour")


def seconds(words: str) -> float:
    """A time such as 100ms or 0.5s.

    Raises:
        Failure: it is none.
    """
    match = TIME.fullmatch(words.strip())
    if match is None or not float(match[1]):
        raise Failure(f"--p99 {words} is no time", fix="write it as in 100ms or 0.5s")
    return float(match[1]) * SECONDS[match[2]]


def given(host: Path | None, bench: list[Path], name: str, inference_port: int | None) -> Host:
    """A host of a file, or this one, measured."""
    from scripts.planning import host as hosts
    from scripts.planning import measuring

    if host:
        return hosts.read(host)
    if bench:
        return measuring.from_bench(bench)
    return measuring.measure(measuring.subject(listing.find(inference_port), name))[0]
