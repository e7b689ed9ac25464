"""Servers in turn, all of them up and one of them asked: a row for each cell, precision and server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from benchmarks.peers import in_process, server
from benchmarks.peers.in_process import BOUNDS, least_cosine, ratio
from benchmarks.peers.models import Model
from benchmarks.peers.process import Worker, converted
from benchmarks.peers.record import Record, Row
from benchmarks.peers.server import Server
from scripts.console import err
from scripts.load import served

WARM_UP_SECONDS, SECONDS = 0.5, 1.5
"""Of one turn; a cycle of the workload is never broken off."""
FIRST_SECONDS = 3.0
"""Of load before anything of a server is measured: Java compiles what runs often."""
CHECKED = ("mixed", 8)
"""Texts whose vectors are compared."""
PORTS = 6
"""That a server of ours takes, from its own on, with its agent; others take one."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A workload, and how it is sent.

    Attributes:
        kind: the workload's name.
        texts_each: texts of a request.
        in_flight: requests at all times.
        texts: of a cycle.
    """

    kind: str
    texts_each: int
    in_flight: int
    texts: int

    @property
    def name(self) -> str:
        """As tables and pictures have it."""
        tokens = self.kind if self.kind == "mixed" else f"{self.kind} tokens"
        return f"{self.texts_each} per request, {tokens}, {self.in_flight} in flight"


CELLS: Mapping[str, Sequence[Cell]] = {
    "MiniLM": (
        *(Cell("mixed", 1, flight, texts) for flight, texts in ((1, 64), (32, 256), (64, 256))),
        *(Cell("mixed", each, 4, 4 * each) for each in (64, 256)),
        *(Cell(kind, 1, 32, texts) for kind, texts in (("16", 256), ("128", 64), ("256", 32), ("512", 32))),
    ),
    "bert-base": (Cell("mixed", 1, 1, 32), Cell("mixed", 1, 32, 64), Cell("mixed", 64, 2, 128), Cell("128", 1, 16, 16)),
}
"""What is worth minutes: a model of BERT-base's size takes eight times as long for a text."""


INFINITY = {"ONNX": ("optimum", "ONNX Runtime"), "CTranslate2": ("ctranslate2", "CTranslate2")}
"""Engines of Infinity that read a model of their own, and the engine in process that has the same."""
SAME = 0.99999
"""A cosine that no 8-bit weights leave: the server has not taken the model that it was given."""
Up = dict[tuple[str, str], tuple[served.Target, float]]
"""Servers that answer, by precision and name, and their least cosine."""


def servers(model: Model) -> dict[tuple[str, str], Server]:
    """By precision and name."""
    found = {}
    for precision in ("float32", "int8"):
        found[precision, "ours"] = server.ours(precision)
        if precision == "float32":
            found[precision, "Infinity, torch"] = server.infinity()
        for title, (engine, library) in INFINITY.items():
            arguments = (engine, str(converted(model, library, precision)))
            found[precision, f"Infinity, {title}"] = server.infinity(*arguments)
    return found


def measure(record: Record, model: Model, cells: Sequence[Cell], port: int, rounds: int) -> None:
    """Cells of one model, each into the record as soon as it is done."""
    in_process.convert(model, [library for _, library in INFINITY.values()])
    with ExitStack() as stack:
        up = start(stack, model, port)
        for cell in cells:
            err.print(f"{model.name}, {cell.name}")
            record.put(list(rows(model, cell, up, rounds)))


def start(stack: ExitStack, model: Model, port: int) -> Up:
    """All servers one after the other, each warmed up; one that does not answer is left out."""
    texts, up = model.texts(*CHECKED, seed=2).texts, Up()
    with Worker("transformers", "float32", model) as worker:
        reference = worker.vectors(model.ids(*CHECKED, seed=2))
    for name, each in servers(model).items():
        at, port = port, port + (1 if each.folder else PORTS)
        err.print(f"{model.name}: starting {', '.join(name)}")
        pids = stack.enter_context(server.serving(each, model.folder, at))
        try:
            vectors = server.embed(", ".join(name), each, at, texts, pids[0])
        except RuntimeError as error:
            err.print(str(error))
            continue
        up[name] = each.target(at, pids), least_cosine(np.asarray(vectors, np.float32), reference)
        served.closed(up[name][0], model.texts("mixed", 64), 1, 32, model.shape, FIRST_SECONDS, 0)
    return up


def rows(model: Model, cell: Cell, up: Up, rounds: int) -> Iterator[Row]:
    """Ask those whose vectors passed in turn, and hold each against ours of its precision."""
    workload = model.texts(cell.kind, cell.texts)
    refused = {each: why for each, (_, cosine) in up.items() if (why := refusal(each[0], cosine))}
    runs: dict[tuple[str, str], list[dict[str, Any]]] = {each: [] for each in up if each not in refused}
    for _ in range(rounds):
        for each, taken in runs.items():
            how = (workload, cell.texts_each, cell.in_flight, model.shape, WARM_UP_SECONDS, SECONDS)
            taken.append(served.closed(up[each][0], *how))
    for (precision, name), (_, cosine) in up.items():
        about = {"model": model.name, "cell": cell.name, "precision": precision, "engine": name}
        found = summary(runs.get((precision, "ours"), []), runs.get((precision, name), []))
        yield about | {"least_cosine": round(cosine, 6)} | (found or {"refused": refused[precision, name]})


def refusal(precision: str, cosine: float) -> str:
    """Why a server is not asked whose vectors have that least cosine to float32's; empty where it is."""
    if cosine < BOUNDS[precision]:
        return f"a cosine below {BOUNDS[precision]}"
    return "its vectors are float32's" if precision == "int8" and cosine > SAME else ""


def summary(ours: Sequence[dict[str, Any]], own: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians over rounds, and how many times as many texts ours answers; nothing of a server that was not asked."""
    if not own:
        return {}
    keys = ("texts_per_second", "p50_ms", "p99_ms")
    errors = {code: count for row in own for code, count in row["errors"].items()}
    if not all(row[keys[0]] for row in own):
        return {"refused": f"no good answers: {errors}"}
    found: dict[str, Any] = {key: round(median(row[key] for row in own), 2) for key in keys} | {"errors": errors}
    if ours and ours is not own:
        found["ours_to_theirs"] = round(ratio(*([row[keys[0]] for row in rows] for rows in (ours, own))), 3)
    return found
