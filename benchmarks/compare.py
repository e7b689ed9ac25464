"""This project and other servers side by side: `python -m benchmarks.compare [ROUNDS]`, into `peers.json`.

Each peer has a folder in `benchmarks/peers/servers` with its own pinned requirements, and a virtual environment is made
for it. Before anything is timed, each must give the vectors that sentence-transformers gives. Then the servers take
turns, one running at a time, so that a slow minute of the machine hits all of them. In each round our engine also runs
in process, 32 texts at a time, with all cores and nobody beside it. Ratios are medians of the rounds' own ratios.
"""

from __future__ import annotations

import sys
from statistics import median
from time import monotonic
from typing import Any

import numpy as np
import orjson
from tokenizers import Tokenizer

from benchmarks import engine
from benchmarks.peers import server
from benchmarks.peers.server import Server
from handler import runtimes
from handler.text import convert
from scripts.console import err, out
from scripts.load import loops as load
from scripts.load import machine, report, served, workload
from scripts.load.ceiling import PeakGemm
from scripts.paths import ROOT
from scripts.sources import checkpoint as checkpoints
from scripts.sources import presets, pull

PORT = 18500
TOLERANCE = 1e-4  # between engines; another text's vector is further away by three orders of magnitude


def mean_vectors(states: Any) -> Any:
    """Embeddings from hidden states, to compare servers that answer with those."""
    means = [np.mean(text, axis=0) for text in states]
    return [mean / np.linalg.norm(mean) for mean in means]


OURS, ENGINE = "bert-on-torchserve", "its engine in process"
INT8, BF16 = f"{OURS}, int8", f"{OURS}, bfloat16"
TOLERANCES = {INT8: 0.05, BF16: 0.02}
"""How far vectors may be from the reference where that is not `TOLERANCE`."""
EMBEDDING = {
    OURS: server.ours("float32"),
    INT8: server.ours("int8"),
    BF16: server.ours("bfloat16"),
    "infinity": server.infinity(),
    "torchserve_plain": Server("/predictions/plain", "inputs", {}, list, folder="torchserve_plain"),
    "fastapi_sentence_transformers": Server("/embed", "inputs", {}, list, folder="fastapi_sentence_transformers"),
}
STATES = {
    OURS: Server("/predictions/bert/1.0/hidden-states", "text", {}, mean_vectors, single=True),
    "flask_tutorial": Server("/predict", "text", {}, mean_vectors, single=True, folder="flask_tutorial"),
}


def check(name: str, peer: Server, pid: int) -> None:
    """Wait until the server answers, and compare its vectors with the stored ones.

    Raises:
        RuntimeError: it does not answer, or answers something else.
    """
    reference = orjson.loads((ROOT / "tests" / "data" / "minilm.json").read_bytes())
    found = server.embed(name, peer, PORT, reference["texts"][:4], pid)
    off = float(np.abs(found - reference["embeddings"][:4]).max())
    if off > TOLERANCES.get(name, TOLERANCE):
        raise RuntimeError(f"{name} gives another vector: off by {off}")


def compare(title: str, peers: dict[str, Server], rounds: int, in_flight: dict[int, int]) -> dict[str, Any]:
    """Measure all servers in turn, several times; `in_flight` has how many texts a cycle is at each concurrency."""
    checkpoint = checkpoints.read(pull.pull(presets.DEFAULT))
    shape = workload.read_shape(checkpoint.config)
    tokenizer = workload.read_tokenizer((checkpoint.folder / "tokenizer.json").read_text())
    made = {number: workload.make("mixed", texts, 0, tokenizer) for number, texts in in_flight.items()}
    alone = engine.length_sorted_batches(engine.load(checkpoint, "native"))
    runs: dict[tuple[str, int], list[dict[str, Any]]] = {}
    ceiling, ceilings = PeakGemm(shape), []
    for turn in range(rounds):
        ceilings.append(round(ceiling.measure() / 1e9, 1))
        runs.setdefault((ENGINE, 32), []).append(in_process(alone, made[32], tokenizer))
        for name, peer in peers.items():
            err.print(f"{title}, round {turn + 1} of {rounds}: {name}")
            with server.serving(peer, checkpoint.folder, PORT) as pids:
                check(name, peer, pids[0])
                target = peer.target(PORT, pids)
                for number, sent in made.items():
                    runs.setdefault((name, number), []).append(served.closed(target, sent, 1, number, shape))
    rows = [
        {"name": name, **median_row(measured), **ratios(runs[OURS, number], measured)}
        for (name, number), measured in runs.items()
    ]
    about = {"title": title, "rounds": rounds, "sgemm_gflops": ceilings, "sgemm_libraries": ceiling.won}
    return about | {"rows": rows}


def in_process(run: engine.Engine, made: workload.Workload, tokenizer: Tokenizer) -> dict[str, Any]:
    """Our engine without server or client, tokenizing included; warmed and measured for as long as a server."""
    batches = [made.texts[first : first + 32] for first in range(0, len(made.texts), 32)]

    def rate(seconds: float, whole: bool) -> float:
        start, texts = monotonic(), 0
        for batch in load.repeated(batches, seconds, whole):
            run([convert(encoding) for encoding in tokenizer.encode_batch_fast(batch)])
            texts += len(batch)
        return texts / (monotonic() - start)

    rate(served.WARM_UP_SECONDS, whole=False)
    return {"in_flight": 32, "texts_per_second": round(rate(served.MEASURED_SECONDS, whole=True), 2), "errors": {}}


def ratios(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> dict[str, float]:
    """Ours over theirs, round by round."""
    return {
        f"{key}_ratio": round(median(our[key] / their[key] for our, their in zip(ours, theirs, strict=True)), 3)
        for key in ("texts_per_second", "p50_ms")
        if key in theirs[0]
    }


def median_row(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Median of each number over the rounds; errors of all."""
    first = rows[0]
    merged = {key: median(row[key] for row in rows) for key, value in first.items() if isinstance(value, int | float)}
    return merged | {
        "in_flight": first["in_flight"],
        "errors": {code: count for row in rows for code, count in row["errors"].items()},
    }


def main(rounds: int) -> None:
    """Both comparisons, into one JSON and two charts."""
    folder = machine.results()
    about = machine.describe()
    embedding = {name: peer for name, peer in EMBEDDING.items() if name != BF16 or runtimes.cpu_supports_bfloat16()}
    results = [
        compare("embedding", embedding, rounds, {1: 200, 32: 800, 64: 800}),
        compare("hidden-states", STATES, rounds, {1: 200, 32: 500}),
    ]
    report.save(
        {"machine": about, "workload": "mixed, seed 0, one text per request", "results": results}, folder / "peers.json"
    )
    for result in results:
        out.print(report.table(result["rows"]))
        caption = f"{about['kind']} ({about['instructions']}), {about['cores']} cores, fp32, all-MiniLM-L6-v2"
        report.chart(result["rows"], f"{result['title']}: texts per second", caption, folder / f"{result['title']}.svg")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
