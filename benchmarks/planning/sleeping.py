"""The model of TorchServe's queue and batches against TorchServe: `python -m benchmarks.planning.sleeping`.

Workers sleep for as long as the model says that a batch takes, tens of times longer than they would compute, so that
neither cores nor what else the machine does matter much. Each load has an archive, and so a queue, of its own; all of
them are sent at once by processes of their own, for the same time. The simulation is given the times at which requests
were really sent.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from scripts import paths
from scripts.console import out
from scripts.load import machine, report
from scripts.load.loops import Outcome, Request, closed_loop, open_loop
from scripts.planning import traffic
from scripts.planning.host import Host
from scripts.planning.simulation import simulate, token_seconds
from scripts.planning.traffic import Traffic
from scripts.server import launch, stop
from scripts.server.preflight import Options

HOST = Host(
    cores=64, workers=2, threads=1, batch_size=16, batch_delay_ms=100, queue=64, batch_ms=100, request_ms=20, token_ms=4
)
"""Of more cores than it needs; a lone text of 27 tokens takes 0.33 s."""
SHARES = (0.3, 0.6, 0.8, 0.9, 1.3)
SECONDS = 150.0
LONE = 20
PORT = 18700
LEVELS = (50, 90, 99)
HANDLER = Path(__file__).parent / "sleeping_handler.py"


def pack(store: Path, name: str) -> None:
    """An archive of the sleeping handler."""
    settings: dict[str, Any] = {
        **{"minWorkers": HOST.workers, "maxWorkers": HOST.workers, "batchSize": HOST.batch_size},
        **{"maxBatchDelay": int(HOST.batch_delay_ms), "jobQueueSize": HOST.queue},
        "handler": {key: getattr(HOST, key) for key in ("batch_ms", "request_ms", "token_ms")},
    }
    config = store / f"{name}.yaml"
    config.write_text(json.dumps(settings))
    archiver = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "model_archiver.model_packaging",
        "--model-name",
        name,
        "--version",
        "1.0",
    ]
    archiver += ["--handler", str(HANDLER), "--config-file", str(config), "--export-path", str(store)]
    subprocess.run(archiver, check=True)
    config.unlink()


def capacity() -> float:
    """Requests per second, with full batches of mixed lengths."""
    return HOST.capacity(1000 * float(token_seconds(HOST, traffic.make(1, 20_000, "mixed").tokens).mean()))


def send(url: str, rate: float, seed: int) -> tuple[Traffic, Outcome]:
    """An open loop of mixed lengths; the traffic is as planned, not as sent."""
    planned = traffic.make(rate, int(rate * SECONDS), "mixed", seed)
    requests = [Request(url, str(int(tokens)).encode()) for tokens in planned.tokens]
    return planned, open_loop(requests, rate, seed)


def compared(share: float, rate: float, seed: int, planned: Traffic, found: Outcome, overhead: float) -> dict[str, Any]:
    """Measured and simulated percentiles, in milliseconds."""
    late = np.asarray(found.late)
    due = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, len(late)))  # as in `open_loop`
    sent = Traffic(np.sort(due + late), planned.tokens, rate)
    simulated = simulate(msgspec.structs.replace(HOST, overhead_ms=1000 * overhead), 1, sent)
    latencies = (simulated.latencies + late)[~np.isnan(simulated.latencies)]
    row: dict[str, Any] = {"share": share, "rate": round(rate, 2), "requests": len(late)}
    row |= {"refused": round(1 - len(found.latencies) / len(late), 4), "refused_simulated": round(simulated.refused, 4)}
    for level in LEVELS:
        was, predicted = (1000 * float(np.percentile(each, level)) for each in (found.latencies, latencies))
        row |= {f"p{level}_ms": round(was), f"p{level}_simulated_ms": round(predicted)}
        row[f"p{level}_off"] = round(predicted / was - 1, 3)
    return row


def overhead_of(url: str) -> float:
    """Seconds of a lone request beside its sleep and its batch's delay; the median."""
    alone = (HOST.batch_ms + HOST.request_ms + HOST.batch_delay_ms) / 1000
    return float(np.median(closed_loop([Request(url, b"0")] * LONE, 1).latencies)) - alone


def main() -> None:
    """Measure, simulate and compare."""
    names = [f"sleep{number}" for number in range(len(SHARES))]
    with tempfile.TemporaryDirectory() as here, ProcessPoolExecutor(len(SHARES)) as processes:
        store = Path(here) / "store"
        store.mkdir()
        paths.RUNS = Path(here) / "runs"
        for name in names:
            pack(store, name)
        server = launch.start(Options(store, tuple(names), inference_port=PORT, timeout=500))
        try:
            urls = [f"{server.inference}/predictions/{name}" for name in names]
            overhead = overhead_of(urls[0])
            rates = [share * capacity() for share in SHARES]
            runs = list(processes.map(send, urls, rates, range(len(rates))))
        finally:
            stop.stop(server, 1)
    rows = [
        compared(share, rate, seed, *run, overhead)
        for seed, (share, rate, run) in enumerate(zip(SHARES, rates, runs, strict=True))
    ]
    result = {"host": msgspec.to_builtins(HOST), "overhead_ms": round(1000 * overhead, 1), "seconds": SECONDS}
    report.save(result | {"rows": rows}, machine.results() / "planning-sleeping.json")
    out.print(f"{capacity():.1f} requests per second at most; overhead of a lone one {1000 * overhead:.1f} ms")
    out.print(report.table(rows, {key: key.replace("_", " ") for key in rows[0]}))


if __name__ == "__main__":
    main()
