"""A running server to a `Host`: under a minute of load, short and long texts, one request at a time and many."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import msgspec
import yaml

from handler import config as configuration
from handler.cores import cores
from scripts.console import Failure, step
from scripts.load import running, served, workload
from scripts.planning import fitting, observation
from scripts.planning.host import Host
from scripts.server import java_patches, management
from scripts.server.state import Server

LENGTHS = ("16", "mixed", "96")
"""Tokens per text: about the ends of what most texts have, and what they have together."""
PAUSE = 0.02
"""Seconds after each answer, in which a host rests."""
TEXTS = 200
SECONDS = 3.0
WARM_UP = 1.0


@dataclass(frozen=True, slots=True)
class Subject:
    """A model on a running server."""

    target: served.Target
    model: workload.Model
    place: fitting.Place


def subject(server: Server, name: str) -> Subject:
    """What is to be measured, and what is known of it before."""
    archive = Path(server.store) / f"{name}.mar"
    workers = management.pids(management.describe(server, name))
    model = workload.read_archive(archive)
    return Subject(running.target(server, name, None, workers), model, place(archive, len(workers), model.shape))


def place(archive: Path, workers: int, shape: workload.ModelShape) -> fitting.Place:
    """Of this machine, with so many workers of that archive."""
    with ZipFile(archive) as packed:
        config = configuration.load(yaml.safe_load(packed.read("model-config.yaml")))
    return fitting.Place(
        cores=cores(),
        workers=workers,
        batch_size=config.batchSize,
        batch_delay_ms=java_patches.delay_ms(config.maxBatchDelay),
        queue=config.jobQueueSize,
        threads=config.handler.threads,
        attention=round(observation.attention(shape), 6),
    )


def measure(found: Subject) -> tuple[Host, list[dict[str, Any]]]:
    """The host, and the rows it was made of; takes three quarters of a minute.

    Raises:
        Failure: of some load no request was answered.
    """
    rows: list[dict[str, Any]] = []
    for tokens in LENGTHS:
        made = workload.make(tokens, TEXTS, 0, found.model.tokenizer)
        loads = [(in_flight, 0.0) for in_flight in fitting.levels(found.place)]
        for in_flight, pause in loads if tokens.isdigit() else [*loads, (1, PAUSE)]:
            with step(f"{tokens} tokens, {in_flight} in flight{', with pauses' if pause else ''}"):
                row = served.closed(found.target, made, 1, in_flight, found.model.shape, WARM_UP, SECONDS, pause)
            if not row["requests"]:
                raise Failure(
                    f"none of {sum(row['errors'].values())} requests was answered, with {in_flight} in flight "
                    f"({', '.join(map(str, row['errors']))})",
                    fix="scripts/bert doctor, or a moment in which nobody else asks the server",
                )
            rows.append({"workload": tokens, **row})
    return fitted(rows, found.place), rows


def fitted(rows: Sequence[Mapping[str, Any]], place: fitting.Place) -> Host:
    """Rows, each with the name of its workload, to a host."""
    return fitting.fit([observation.closed(row, row["workload"], place.attention) for row in rows], place)


def from_bench(files: Sequence[Path]) -> Host:
    """What `bench --save` wrote, of one host and model; two workloads tell requests and tokens apart.

    Raises:
        Failure: a file is none of `bench`, or they are of different hosts.
    """
    results = [json.loads(file.read_bytes()) for file in files]
    try:
        places = {msgspec.convert(result["place"], fitting.Place) for result in results}
        rows = [{**row, "workload": result["workload"]["name"]} for result in results for row in result["rows"]]
        if len(places) > 1:
            raise Failure(f"{', '.join(map(str, files))} are of {len(places)} different hosts, workers or archives")
        return fitted([row for row in rows if "stages" in row], places.pop())
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise Failure(
            f"{', '.join(map(str, files))}: no result of bench for one text per request: {error}",
            fix="scripts/bert bench NAME --save FILE",
        ) from None
