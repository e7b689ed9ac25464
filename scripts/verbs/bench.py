"""The verb `bench`: how fast a running server is."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from scripts.console import Failure, out, print_json, step
from scripts.files import documents
from scripts.server import listing, management
from scripts.verbs.options import Json, ModelName, Port

if TYPE_CHECKING:
    from scripts.load.served import Target
    from scripts.load.workload import Model, Workload


def bench(
    name: ModelName = "bert",
    load: Annotated[
        str, typer.Option("--workload", help="mixed lengths, or a fixed number of tokens per text such as 128")
    ] = "mixed",
    texts: Annotated[
        int, typer.Option("--texts", min=10, help="number of texts in the workload; a closed loop repeats it")
    ] = 1000,
    texts_each: Annotated[int, typer.Option("--texts-per-request", min=1, help="texts in each request")] = 1,
    in_flight: Annotated[
        str, typer.Option("--in-flight", help="closed loop: concurrent requests; several values with commas")
    ] = "1,32,64",
    rate: Annotated[
        str, typer.Option("--rate", help="open loop instead: requests per second; several values with commas")
    ] = "",
    task: Annotated[
        str | None,
        typer.Option("--task", help="one that takes texts; by default embedding (base64), or the archive's own task"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="random seed of the workload and of arrival times")] = 0,
    save: Annotated[Path | None, typer.Option("--save", help="write the result as JSON")] = None,
    chart: Annotated[Path | None, typer.Option("--chart", help="write a chart of the closed loop as SVG")] = None,
    inference_port: Port = None,
    as_json: Json = False,
) -> None:
    """Benchmark a running server with a reproducible workload.

    Examples: scripts/bert bench; scripts/bert bench --rate 20,50,100 --texts 2000 --save result.json
    """
    from scripts.load import machine, report, running, workload
    from scripts.load.ceiling import PeakGemm
    from scripts.planning import measuring

    settings = numbers(rate, "--rate", float) if rate else numbers(in_flight, "--in-flight", int)
    documents.check_writable(save, chart)
    server = listing.find(inference_port)
    workers = management.pids(management.describe(server, name))
    with step("reading the model and the machine"):
        archive = Path(server.store) / f"{name}.mar"
        model = workload.read_archive(archive)
        ceiling = PeakGemm(model.shape)
        top = ceiling.measure()
    try:
        made = workload.make(load, texts, seed, model.tokenizer)
    except ValueError as error:
        raise Failure(str(error)) from None
    if (longest := max(made.tokens)) > model.max_length:
        raise Failure(
            f"texts of {longest} tokens are more than the {model.max_length} that {name} reads of a text",
            fix=f"--workload {model.max_length}, or fewer tokens",
        )
    target = running.target(server, name, task, workers)
    rows = []
    for setting in settings:
        with step(f"{load}, {setting:g} {'requests per second' if rate else 'in flight'}"):
            row = measure(target, made, texts_each, setting, model)
        rows.append({"name": name, **row, "share_of_sgemm": round(row["useful_gflops"] * 1e9 / top, 3)})
    about = machine.describe()
    result = {
        "machine": about,
        "sgemm_gflops": round(top / 1e9, 1),
        "sgemm_libraries": ceiling.won,
        "workload": {"name": load, "texts": texts, "texts_per_request": texts_each, "seed": seed, **target.fields},
        "workers": len(workers),
        "place": msgspec.to_builtins(measuring.place(archive, len(workers), model.shape)),
        "rows": rows,
    }
    if save:
        report.save(result, save)
    if chart and not rate:
        report.chart(rows, f"{name}: texts per second, {load}", f"{about['cpu']}, {about['cores']} cores", chart)
    if as_json:
        print_json(result)
    else:
        out.print(report.table(rows))
        stages = [{"in_flight": row["in_flight"], **row["stages"]} for row in rows if "stages" in row]
        if stages:
            out.print(
                "\nmilliseconds per text in a worker (wire: its messages with TorchServe; idle: waiting for requests)"
            )
            out.print("and, at concurrency 1, outside it: frontend, network and client")
            out.print(report.table(stages, {key: key.replace("_", " ") for row in stages for key in row}))


def numbers(text: str, option: str, kind: type[float]) -> list[float]:
    """Numbers above 0 between commas; `int` is a kind of `float` here.

    Raises:
        BadParameter: there are others.
    """
    try:
        found = [kind(each) for each in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(isfinite(each) and each > 0 for each in found):
        wanted = "whole numbers" if kind is int else "numbers"
        raise typer.BadParameter(f"{option} {text} is not {wanted} above 0, with commas between them")
    return found


def measure(target: Target, made: Workload, texts_each: int, setting: float, model: Model) -> dict[str, Any]:
    """One setting: as many in flight, where it is a whole number, or as many a second."""
    from scripts.load import served

    if isinstance(setting, int):
        return served.closed(target, made, texts_each, setting, model.shape)
    return served.opened(target, made, texts_each, setting, model.shape)
