"""What it costs a worker to write down its requests: `python -m benchmarks.observability`.

A worker's pipeline in this process answers lone requests with a short text each, with and without a record in turn.
Then each output is given the records of a block at once, as it is once a second.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import process_time

import yaml

from handler import loading
from handler.observability.notable import Notable
from handler.observability.record import Record
from handler.observability.recorder import Output, Recorder
from handler.observability.request_log import RequestLog
from handler.observability.tracing import Tracing
from handler.pipeline import Pipeline
from handler.types import Row
from scripts.console import out
from scripts.packing import model_config, pack
from scripts.sources import checkpoint as checkpoints
from scripts.sources import presets, pull

PAIRS = 4000
BLOCK, ROUNDS = 256, 9
"""Requests in a block: about those of a second."""
BODY = b'{"inputs": "how are you doing today?"}'
HEADERS = {
    "content-length": "38",
    "x-request-id": "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}


def load(folder: Path) -> Pipeline:
    """The default model's, with one thread."""
    checkpoint = checkpoints.read(pull.pull(presets.DEFAULT))
    config = pack.configure(checkpoint, {"handler": {"threads": 1}})
    pack.stage(checkpoint, folder, config.handler.runtime)
    return loading.load(folder, "bert", "1.0", yaml.safe_load(model_config.render(config)), None, lambda *_: None)


class Nowhere:
    """An output that writes nothing: what is left is to make the records."""

    name = "records"

    def write(self, records: Sequence[Record]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Accepting(BaseHTTPRequestHandler):
    """A collector that takes everything."""

    def do_POST(self) -> None:
        """Read it, and say yes."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


def collect(ready: Connection) -> None:
    """Run a collector; its port is sent back."""
    with HTTPServer(("127.0.0.1", 0), Accepting) as server:
        ready.send(server.server_address[1])
        server.serve_forever()


@contextmanager
def collector() -> Iterator[int]:
    """A collector in another process, whose time is not the worker's."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=collect, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def answer(pipeline: Pipeline, recorder: Recorder) -> float:
    """Processor time of one request until its answer is there."""
    pipeline.recorder = recorder
    begin = process_time()
    pipeline.answer([Row({"body": BODY}, HEADERS, "application/json", identity=HEADERS["x-request-id"])])
    return process_time() - begin


def keeping(pipeline: Pipeline, without: Recorder, recorder: Recorder) -> tuple[float, float]:
    """Processor time of a request without a record, and what the record adds: medians of pairs, in turn."""
    for _ in range(PAIRS // 10):  # the first ones are slow
        answer(pipeline, recorder)
    pairs = [(answer(pipeline, without), answer(pipeline, recorder)) for _ in range(PAIRS)]
    recorder.flush()
    return median(bare for bare, _ in pairs), median(kept - bare for bare, kept in pairs)


def writing(pipeline: Pipeline, output: Output) -> float:
    """Processor time per record of an output that is given those of a second at once, its own threads included."""
    recorder = Recorder("bert", "1.0", [output])
    found = []
    for _ in range(ROUNDS):
        for _ in range(BLOCK):
            answer(pipeline, recorder)
        begin = process_time()
        recorder.flush()
        if isinstance(output, Tracing):
            output.provider.force_flush()
        found.append((process_time() - begin) / BLOCK)
    return median(found)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, collector() as port:
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{port}"
        here = Path(folder)
        (here / "locks").mkdir()
        pipeline = load(here / "archive")
        notable, traces = Notable(here / "locks", "bert"), Tracing()
        bare, kept = keeping(pipeline, Recorder("bert", "1.0"), Recorder("bert", "1.0", [notable]))
        out.print(
            f"a request: {bare * 1e6:.0f} us of processor time; "
            f"taking from it what is kept: {kept * 1e6:.1f} us, {kept / bare:.2%}"
        )
        for output in (Nowhere(), notable, RequestLog(here / "requests.log"), traces):
            spent = writing(pipeline, output)
            out.print(f"{output.name}: {spent * 1e6:.1f} us per request, {spent / bare:.2%}")
        traces.provider.shutdown()


if __name__ == "__main__":
    main()
