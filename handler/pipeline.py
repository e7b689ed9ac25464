"""The flow of one TorchServe batch, top to bottom. Start reading here.

    rows -> decode -> tokenize -> forward -> postprocess -> encode -> replies

Every request is a `Call`. A stage that fails for one call stops that call; the others go on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from time import monotonic

import msgspec
import torch

from handler import config as configuration
from handler import head as heads
from handler import protocols, runtimes, tasks
from handler.batching import plan
from handler.call import Call, Encoding, Output, Reply, Row, alive, internal
from handler.config import CHECKPOINT, ORIGIN, ModelConfig
from handler.errors import BertError, ConfigError, Overloaded, TooLarge, unknown
from handler.head import Head
from handler.protocols.base import JSON, Encoded, envelope
from handler.runtimes import explaining
from handler.runtimes.base import Placement, Runtime
from handler.tasks.base import Archive
from handler.telemetry import Emit, StageTimer, Telemetry
from handler.text import TextEncoder
from handler.workers import Workers

COMPUTED, FINISHED = 0.8, 0.9
"""Shares of `responseTimeout` after which nothing more is computed, and no answer finished: TorchServe kills later."""


class Pipeline:
    """Everything between the bytes of a batch of requests and the bytes of their answers."""

    def __init__(
        self, archive: Archive, config: ModelConfig, runtime: Runtime, telemetry: Telemetry, workers: Workers
    ) -> None:
        self.config = config.handler
        self.seconds = config.responseTimeout
        self.deadline = archive.deadline
        self.encoder = archive.encoder
        self.runtime = runtime
        self.telemetry = telemetry
        self.workers = workers
        self.tasks = tasks.build(archive)
        archive.tasks.extend(self.tasks)
        if self.config.task not in self.tasks:
            raise ConfigError(f"model-config.yaml, handler.task: {unknown('task', self.config.task, self.tasks)}")

    def answer(self, rows: Sequence[Row]) -> list[Reply]:
        """Answer a batch; one reply per row, in order, whatever the rows hold."""
        with self.workers.busy(len(rows)) as threads:
            self.runtime.use_threads(threads)
            return self.answer_busy(rows)

    def answer_busy(self, rows: Sequence[Row]) -> list[Reply]:
        """The stages, while this worker's lock is held."""
        timer, begin = StageTimer(), monotonic()
        self.deadline.at = begin + COMPUTED * self.seconds
        calls = [Call(row, protocols.find(row.path)) for row in rows]
        with timer.stage("decode"):
            for call in calls:
                call.attempt(self.decode)
        with timer.stage("tokenize"):
            self.encoder.encode(calls, self.deadline)
            for call in calls:
                call.attempt(admit)
        with timer.stage("forward"):
            self.forward(calls)
        self.deadline.at = begin + FINISHED * self.seconds
        bodies = [self.finish(call, timer) for call in calls]
        self.telemetry.record(calls, timer)
        times = timer.headers()
        return [reply(call, body, times) for call, body in zip(calls, bodies, strict=True)]

    def decode(self, call: Call) -> None:
        """Bytes to a task, its request and its texts."""
        decoded = call.protocol.decode(call.row, self.tasks, self.config.task)
        call.task, call.request, call.wire = decoded.task, decoded.request, decoded.wire
        call.texts = call.task.texts(call.request)
        if call.task.takes_text:
            self.encoder.admit(call.texts)

    def forward(self, calls: Sequence[Call]) -> None:
        """Run the sequences of all calls together and give each call its own outputs back."""
        calls = [call for call in alive(calls) if call.task is not None and call.task.forward]
        encodings = [encoding for call in calls for windows in call.encodings for encoding in windows]
        results = iter(self.run(encodings))
        for call in calls:
            outputs = [[next(results) for _ in windows] for windows in call.encodings]
            failed = [output for output in chain.from_iterable(outputs) if isinstance(output, BertError)]
            if failed:
                call.error = failed[0]
            else:
                call.outputs = outputs  # type: ignore[assignment]

    def run(self, encodings: Sequence[Encoding]) -> list[Output | BertError]:
        """Outputs in the order of the sequences; an error for each one that could not be computed."""
        late = Overloaded(
            f"not computed within the {COMPUTED * self.seconds:.0f} s a batch may take; "
            "send fewer texts at once, or send it again"
        )
        results: list[Output | BertError] = [late] * len(encodings)
        for batch in plan(encodings, self.config.token_budget, self.runtime.padded):
            if self.deadline.passed:
                break
            for position, output in zip(batch.positions, self.run_batch(batch.encodings), strict=True):
                results[position] = output
        return results

    def run_batch(self, encodings: list[Encoding]) -> Sequence[Output | BertError]:
        """One forward pass. If it fails, each sequence runs alone, so that only those that cannot run are refused."""
        try:
            return self.runtime.run(encodings)
        except Exception as error:
            if len(encodings) == 1:
                return [internal(error)]
            return [output for encoding in encodings for output in self.run_batch([encoding])]

    def finish(self, call: Call, timer: StageTimer) -> Encoded:
        """Outputs to bytes; one call after the other, so that large answers are never all in memory at once."""
        with timer.stage("postprocess"):
            call.attempt(postprocess)
        with timer.stage("encode"):
            encoded = self.encode(call)
        call.outputs, call.answer = [], None
        return encoded

    def encode(self, call: Call) -> Encoded:
        """The answer's bytes, or the error's."""
        encoded = Encoded(b"")

        def write(call: Call) -> None:
            nonlocal encoded
            encoded = call.protocol.encode(call)
            if len(encoded.body) > self.config.max_response_bytes:
                raise TooLarge(
                    f"the answer has {len(encoded.body)} bytes, the limit is {self.config.max_response_bytes}; "
                    "send fewer texts or raise handler.max_response_bytes"
                )

        call.attempt(write)
        return encoded if call.error is None else Encoded(call.protocol.encode_error(call.error))


def admit(call: Call) -> None:
    """Refuse what would run, only for its answer to be too large."""
    assert call.task is not None
    call.task.admit(call.tokens, call.protocol.binary(call))


def postprocess(call: Call) -> None:
    """Outputs to the task's answer."""
    assert call.task is not None
    call.task.finish(call)


def reply(call: Call, encoded: Encoded, times: dict[str, str]) -> Reply:
    """Status and headers for a body."""
    if call.error is not None:
        retry = {"retry-after": "1"} if isinstance(call.error, Overloaded) else {}
        return Reply(call.error.status, encoded.content_type, encoded.body, times | retry)
    counts = {"x-tokens": str(call.tokens), "x-truncated": str(call.truncated)}
    return Reply(200, encoded.content_type, encoded.body, times | counts | dict(encoded.headers))


def failure(error: BertError) -> Reply:
    """A reply for when not even the pipeline could be entered."""
    return Reply(error.status, JSON, envelope(error))


def load(
    folder: Path,
    name: str,
    version: str,
    settings: dict[str, object],
    gpu: int | None,
    emit: Emit,
    locks: str | None = None,
) -> Pipeline:
    """Build the pipeline of an unpacked archive.

    Args:
        folder: where the archive was unpacked.
        name: of the model, as clients call it.
        version: of the model.
        settings: the decoded `model-config.yaml`.
        gpu: number of the GPU this worker was given; None for none.
        emit: where counters go.
        locks: folder in which the workers of a server show each other that they are busy.

    Raises:
        ConfigError: the settings are wrong, or ask for what this machine cannot do.
    """
    config = configuration.load(settings)
    device = "cpu" if gpu is None or not torch.cuda.is_available() else f"cuda:{gpu}"
    placement = Placement(device, config.handler.dtype)
    if device == "cpu":  # the tokenizer's threads would wait for cores that other workers hold
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    runtime = runtimes.pick(config.handler.runtime, placement)(folder / CHECKPOINT, placement)
    encoder = TextEncoder.load(folder / CHECKPOINT / "tokenizer.json", config.handler)
    hidden = runtime.run([encoder.wrap([])])[0].hidden  # also the first, slow pass
    head, dense = (
        Head(folder / CHECKPOINT, device, file) if (folder / CHECKPOINT / file).exists() else None
        for file in (heads.FILE, heads.DENSE)
    )
    explain = cache(lambda: explaining.make(runtime, folder / CHECKPOINT, device))
    archive = Archive(
        name,
        version,
        config.handler,
        encoder,
        hidden.shape[1],
        device,
        runtime.name,
        runtime.words,
        runtime.exact,
        head,
        dense,
        origin=origin(folder / CHECKPOINT),
        explain=explain if explaining.available(folder / CHECKPOINT) else None,
    )
    workers = Workers(name, Path(locks) if locks else None, config.handler.threads, config.minWorkers)
    return Pipeline(archive, config, runtime, Telemetry(emit), workers)


def origin(checkpoint: Path) -> dict[str, object]:
    """What the packer wrote down of the checkpoint's past."""
    file = checkpoint / ORIGIN
    return msgspec.json.decode(file.read_bytes(), type=dict[str, object]) if file.exists() else {}
