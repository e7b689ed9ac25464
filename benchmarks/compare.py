"""This project and other servers side by side: `python -m benchmarks.compare [ROUNDS]`, into `peers.json`.

Each peer has a folder in `benchmarks/peers` with its own pinned requirements, for which a virtual environment is made.
Before anything is timed, each must give the vectors that sentence-transformers gives. Then the servers take turns, one
running at a time, so that a slow minute of the machine hits all of them. In each round our engine also runs in process,
32 texts at a time, with all cores and nobody beside it. Ratios are medians of the rounds' own ratios.
"""

from __future__ import annotations

import base64
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Any

import numpy as np
import orjson
import psutil
import requests
from tokenizers import Tokenizer

from benchmarks import engine
from handler import runtimes
from handler.text import convert
from scripts.console import err, out, step
from scripts.load import loops as load
from scripts.load import machine, report, served, workload
from scripts.load.ceiling import PeakGemm
from scripts.packing import pack
from scripts.paths import ROOT
from scripts.server import launch, local, stop
from scripts.server.preflight import Options
from scripts.sources import checkpoint as checkpoints
from scripts.sources import presets, pull

PEERS = ROOT / "benchmarks" / "peers"
ENVIRONMENTS = ROOT / ".cache" / "peers"
PORT = 18500
START_SECONDS = 120
TOLERANCE = 1e-4  # between engines; another text's vector is further away by three orders of magnitude

Vectors = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Competitor:
    """How to ask a server.

    Attributes:
        path: of its route.
        key: of the texts in the body.
        fields: the body's other keys.
        vectors: from its decoded answer; None for a server of hidden states, whose mean is taken.
        single: whether it takes one text and not a list.
        tolerance: how far its vectors may be from the reference.
        settings: of our own archive.
    """

    path: str
    key: str
    fields: dict[str, Any]
    vectors: Callable[[Any], Any]
    single: bool = False
    tolerance: float = TOLERANCE
    settings: dict[str, Any] | None = None


def openai_vectors(answer: Any) -> list[Any]:
    """Base64 or lists, as OpenAI's schema has them."""
    found = [item["embedding"] for item in answer["data"]]
    return [np.frombuffer(base64.b64decode(item), "<f4") if isinstance(item, str) else item for item in found]


def mean_vectors(states: Any) -> Any:
    """Embeddings from hidden states, to compare servers that answer with those."""
    means = [np.mean(text, axis=0) for text in states]
    return [mean / np.linalg.norm(mean) for mean in means]


OURS, ENGINE = "bert-on-torchserve", "its engine in process"
INT8, BF16 = f"{OURS}, int8", f"{OURS}, bfloat16"
BASE64 = {"encoding_format": "base64"}


def ours(dtype: str, tolerance: float = TOLERANCE) -> Competitor:
    """Our archive in one dtype, through its OpenAI route."""
    fields = BASE64 | {"model": "bert"}
    settings = {"handler": {"dtype": dtype}}
    return Competitor(
        "/predictions/bert/1.0/v1/embeddings", "input", fields, openai_vectors, False, tolerance, settings
    )


EMBEDDING = {
    OURS: ours("float32"),
    INT8: ours("int8", 0.05),
    BF16: ours("bfloat16", 0.02),
    "infinity": Competitor("/embeddings", "input", BASE64 | {"model": "bert"}, openai_vectors),
    "torchserve_plain": Competitor("/predictions/plain", "inputs", {}, list),
    "fastapi_sentence_transformers": Competitor("/embed", "inputs", {}, list),
}
STATES = {
    OURS: Competitor("/predictions/bert/1.0/hidden-states", "text", {}, mean_vectors, single=True, settings={}),
    "flask_tutorial": Competitor("/predict", "text", {}, mean_vectors, single=True),
}


@contextmanager
def serving(name: str, peer: Competitor, checkpoint: Path) -> Iterator[list[int]]:
    """Run a server on `PORT`; the ids of its processes."""
    if peer.settings is not None:
        with tempfile.TemporaryDirectory() as store:
            pack.pack(checkpoint, "bert", "1.0", peer.settings, Path(store))
            server = launch.start(Options(Path(store), ["bert"], inference_port=PORT))
            try:
                yield process_tree(server.pid)
            finally:
                stop.stop(server, 5)
        return
    command = [str(environment(name)), str(PEERS / name / "server.py"), str(checkpoint), str(PORT)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=PEERS / name)
    try:
        yield process_tree(process.pid)
    finally:
        for pid in reversed(process_tree(process.pid)):
            with suppress(psutil.NoSuchProcess):
                psutil.Process(pid).kill()
        process.wait()


def process_tree(pid: int) -> list[int]:
    """A process and all it started."""
    process = psutil.Process(pid)
    return [process.pid, *(child.pid for child in process.children(recursive=True))]


def environment(name: str) -> Path:
    """The Python of a peer's own virtual environment, made when missing."""
    folder = ENVIRONMENTS / name
    done = folder / ".installed"
    wanted = (PEERS / name / "requirements.txt").read_text()
    if not done.exists() or done.read_text() != wanted:
        with step(f"installing {name}"):
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "-r"]
            subprocess.run([*install, str(PEERS / name / "requirements.txt")], check=True)
        done.write_text(wanted)
    return folder / "bin" / "python"


def check(name: str, peer: Competitor) -> None:
    """Wait until the server answers, and compare its vectors with the stored ones.

    Raises:
        RuntimeError: it does not answer, or answers something else.
    """
    reference = orjson.loads((ROOT / "tests" / "data" / "minilm.json").read_bytes())
    deadline = monotonic() + START_SECONDS
    for text, vector in zip(reference["texts"][:4], reference["embeddings"][:4], strict=True):
        body = {peer.key: text if peer.single else [text], **peer.fields}
        while True:
            with suppress(requests.RequestException):
                answer = local.request("POST", f"http://127.0.0.1:{PORT}{peer.path}", json=body, timeout=30)
                if answer.ok:
                    break
            if monotonic() > deadline:
                raise RuntimeError(f"{name} does not answer within {START_SECONDS} s")
            sleep(0.5)
        off = float(np.abs(np.asarray(peer.vectors(answer.json())[0]) - vector).max())
        if off > peer.tolerance:
            raise RuntimeError(f"{name} gives another vector: off by {off}")


def compare(title: str, peers: dict[str, Competitor], rounds: int, in_flight: dict[int, int]) -> dict[str, Any]:
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
            with serving(name, peer, checkpoint.folder) as pids:
                check(name, peer)
                target = served.Target(f"http://127.0.0.1:{PORT}{peer.path}", peer.fields, peer.key, pids, peer.single)
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
