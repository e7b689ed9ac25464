"""The flow of one TorchServe batch, top to bottom. Start reading here.

    rows -> decode -> tokenize -> forward -> postprocess -> encode -> replies

Every request is a `Call`. A stage that fails for one call stops that call; the others go on.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from itertools import chain, repeat
from math import inf
from time import monotonic

import torch

from handler import limits, protocols, tasks
from handler.batching import DEFAULT_TOKEN_BUDGET, make_batches
from handler.call import Call, log_internal_error, pending
from handler.config import ModelConfig
from handler.device import Reading
from handler.errors import BertError, ConfigError, Overloaded, TimedOut, TooLarge, Unauthorized, unknown
from handler.keys import Keys
from handler.model import LoadedModel
from handler.observability.headers import correlation_id, timeout_seconds
from handler.observability.recorder import Recorder
from handler.output_cache import OutputCache
from handler.protocols.base import JSON, EncodedBody, envelope
from handler.protocols.foreign import listed
from handler.runtimes import cuda
from handler.runtimes.base import Runtime
from handler.telemetry import StageTimer, Telemetry
from handler.text import character_count
from handler.truncation import chunk_by_size
from handler.types import Encoding, Output, Reply, Row
from handler.workers import WorkerRegistry

COMPUTE_FRACTION, RESPONSE_FRACTION = 0.8, 0.9
"""Shares of `responseTimeout` after which nothing more is computed, and no answer finished: TorchServe kills later."""
ERROR_HEADERS: dict[type[BertError], dict[str, str]] = {
    Overloaded: {"retry-after": "1", "connection": "close"},  # a balancer may give a new one to another server
    Unauthorized: {"www-authenticate": "Bearer"},
}
"""Headers of an error that say what the client should do."""
STOPPING = {"x-stopping": "1"}
"""Of a server that takes no more: whoever stands in front may ask another one at once; see `gateway/attempts.py`."""
EXPOSED = {"access-control-expose-headers": "*"}
"""For pages of another origin, which browsers show no header of ours otherwise; TorchServe lets them in or not."""
CHARACTERS_PER_TOKEN = 4
"""Of a token, about. For a GPU texts are read in portions of a pass each: one is computed while the next is read."""


class Pipeline:
    """Everything between the bytes of a batch of requests and the bytes of their answers."""

    def __init__(
        self,
        model: LoadedModel,
        config: ModelConfig,
        runtime: Runtime,
        telemetry: Telemetry,
        workers: WorkerRegistry,
        keys: Keys | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.config = config.handler
        self.seconds = config.responseTimeout
        self.deadline = model.deadline
        self.tokenizer = model.tokenizer
        self.runtime = runtime
        self.runtime.share = workers.share
        self.portion = (
            CHARACTERS_PER_TOKEN * (self.config.token_budget or DEFAULT_TOKEN_BUDGET)
            if runtime.outputs_on_device
            else sys.maxsize
        )
        self.cache = OutputCache(0 if runtime.outputs_on_device else self.config.cache_bytes)
        self.telemetry = telemetry
        self.workers = workers
        self.refusing = False
        self.keys = keys or Keys(None)
        self.recorder = recorder or Recorder(model.name, model.version)
        self.tasks = tasks.build(model)
        model.tasks.extend(self.tasks)
        if self.config.task not in self.tasks:
            raise ConfigError(f"model-config.yaml, handler.task: {unknown('task', self.config.task, self.tasks)}")

    def answer(self, rows: Sequence[Row]) -> list[Reply]:
        """Answer a batch; one reply per row, in order, whatever the rows hold.

        Raises:
            SystemExit: see `exit_if_gpu_lost`.
        """
        self.refusing = self.workers.is_refusing()
        if self.refusing:  # nothing is computed, and `bert stop` waits for who computes
            return self.answer_busy(rows)
        with self.workers.acquire_threads(len(rows)) as threads:
            self.runtime.use_threads(threads)
            try:
                return self.answer_busy(rows)
            except Exception as error:
                exit_if_gpu_lost(error)
                raise

    def answer_busy(self, rows: Sequence[Row]) -> list[Reply]:
        """The stages, while this worker's lock is held."""
        timer, begin = StageTimer(), monotonic()
        calls = [Call(row, protocols.find(row), until=begin + timeout_seconds(row.headers)) for row in rows]
        self.deadline.at = min(
            begin + COMPUTE_FRACTION * self.seconds, max((call.until for call in calls), default=inf)
        )
        self.compute(calls, timer)
        self.deadline.at = begin + RESPONSE_FRACTION * self.seconds
        bodies = [self.postprocess_and_encode(call, timer) for call in calls]
        for fault in (call.error for call in calls if type(call.error) is BertError):
            exit_if_gpu_lost(fault)
        seconds = monotonic() - begin
        self.recorder.add(calls, timer, seconds)
        self.telemetry.record(calls, timer, seconds, self.cache.take_counts())
        times = timer.headers() | (STOPPING if self.refusing else {})
        return [reply(call, body, times) for call, body in zip(calls, bodies, strict=True)]

    def compute(self, calls: Sequence[Call], timer: StageTimer) -> None:
        """The stages up to the outputs of the model, or an error, of each call."""
        with timer.stage("decode"):
            for call in calls:
                call.attempt(self.decode)
        for some in chunk_by_size(pending(calls), character_count, self.portion):
            with timer.stage("tokenize"):
                self.tokenizer.encode(some, self.deadline)
                for call in some:
                    call.attempt(check_response_size)
            with timer.stage("forward"):
                self.forward(some, len(calls) == 1)
        with timer.stage("forward"):
            self.runtime.finish()
        for call in calls:
            if call.expired:
                call.error = TimedOut("this was not computed within the time given in x-request-timeout-ms")

    def decode(self, call: Call) -> None:
        """Bytes to a task, its request and its texts, for those who may ask."""
        if self.refusing and not call.row.trusted:
            raise Overloaded("this server is being stopped and takes no more requests")
        if not call.row.trusted and call.row.path not in protocols.OPEN:
            self.keys.check(call.row.headers)
        decoded = call.protocol.decode(call.row, self.tasks, self.config.task)
        call.task, call.request, call.protocol_state = decoded.task, decoded.request, decoded.protocol_state
        call.ignored = decoded.ignored
        call.texts = call.task.texts(call.request)
        if call.task.takes_text:
            place = partial(decoded.task.place, decoded.request)
            listed = decoded.task.listed(decoded.request, call.texts)
            limits.check(call.texts, self.config, self.tokenizer.vocabulary, decoded.blank, place, listed)

    def forward(self, calls: Sequence[Call], alone: bool) -> None:
        """Run the sequences of these calls together and give each call its own outputs back."""
        calls = [call for call in pending(calls) if call.task is not None and call.task.runs(call.request)]
        encodings = [encoding for call in calls for windows in call.encodings for encoding in windows]
        readings = [each for call in calls for each in repeat(call.reading, call.sequences)]
        compute = partial(self.run, late=self.timeout_error(alone))
        found = zip(*self.cache.outputs(encodings, readings, compute), strict=True)
        for call in calls:
            own = [[next(found) for _ in windows] for windows in call.encodings]
            outputs = [[output for output, _ in windows] for windows in own]
            if self.cache.capacity:
                call.cached = sum(kept for windows in own for _, kept in windows)
            failed = [output for output in chain.from_iterable(outputs) if isinstance(output, BertError)]
            if failed:
                call.error = failed[0]
            else:
                call.outputs = outputs  # type: ignore[assignment]

    def timeout_error(self, alone: bool) -> BertError:
        """For what time did not suffice. Clients send a 503 again; a request that was alone would only fail again."""
        seconds = COMPUTE_FRACTION * self.seconds
        what = f"not computed within the {seconds:.0f} s a batch may take; send fewer texts at once"
        return TooLarge(what) if alone else Overloaded(f"{what}, or send it again")

    def run(
        self, encodings: Sequence[Encoding], readings: Sequence[Reading | None], late: BertError
    ) -> list[Output | BertError]:
        """Outputs in the order of the sequences; an error for each one that failed, `late` for the rest."""
        results: list[Output | BertError] = [late] * len(encodings)
        budget, equal = self.config.token_budget or DEFAULT_TOKEN_BUDGET, self.config.equal_lengths
        for batch in make_batches(encodings, budget, self.runtime.padded, equal):
            if self.deadline.passed:
                break
            wanted = [readings[position] for position in batch.positions]
            for position, output in zip(batch.positions, self.run_batch(batch.encodings, wanted), strict=True):
                results[position] = output
        return results

    def run_batch(
        self, encodings: Sequence[Encoding], readings: Sequence[Reading | None]
    ) -> Sequence[Output | BertError]:
        """One forward pass. If it fails, its halves run apart, so that only sequences that cannot run are refused.

        Raises:
            SystemExit: see `exit_if_gpu_lost`.
        """
        try:
            return self.begin(encodings, readings)
        except Exception as error:
            exit_if_gpu_lost(error)
            if len(encodings) == 1 or self.deadline.passed:
                return [log_internal_error(error)] * len(encodings)
        torch.cuda.empty_cache()  # the halves may need what this pass held; without a GPU it does nothing
        middle = len(encodings) // 2
        return [
            *self.run_batch(encodings[:middle], readings[:middle]),
            *self.run_batch(encodings[middle:], readings[middle:]),
        ]

    def begin(self, encodings: Sequence[Encoding], readings: Sequence[Reading | None]) -> list[Output]:
        """A pass, and what tasks will read of it; the rest of it need not stay, and nothing of it when it fails."""
        outputs = self.runtime.run_all(encodings)
        outputs = [output.leaving_out(own.unpooled) for output, own in zip(outputs, encodings, strict=True)]
        return [output.keep_for(wanted) for output, wanted in zip(outputs, readings, strict=True)]

    def postprocess_and_encode(self, call: Call, timer: StageTimer) -> EncodedBody:
        """Outputs to bytes; one call after the other, so that large answers are never all in memory at once."""
        with timer.stage("postprocess"):
            call.attempt(postprocess)
        with timer.stage("encode"):
            encoded = self.encode(call)
        call.outputs, call.answer = [], None
        return encoded

    def encode(self, call: Call) -> EncodedBody:
        """The answer's bytes, or the error's."""
        encoded = EncodedBody(b"")

        def write(call: Call) -> None:
            nonlocal encoded
            encoded = call.protocol.encode(call)
            if len(encoded.body) > self.config.max_response_bytes:
                raise TooLarge(
                    f"the answer has {len(encoded.body)} bytes, the limit is {self.config.max_response_bytes}; "
                    "send fewer texts or raise handler.max_response_bytes"
                )

        call.attempt(write)
        return encoded if call.error is None else EncodedBody(call.protocol.encode_error(call.error))


def exit_if_gpu_lost(error: Exception) -> None:
    """Go on after an error, unless it was one that a GPU does not survive, which may show long after its cause.

    Raises:
        SystemExit: the GPU fails for good, and TorchServe has to start another process.
    """
    if cuda.context_lost():
        raise SystemExit(f"the GPU failed: {type(error).__name__}") from None


def check_response_size(call: Call) -> None:
    """Refuse what would run, only for its answer to be too large."""
    assert call.task is not None
    call.task.check_size(call.tokens, call.protocol.binary(call))


def postprocess(call: Call) -> None:
    """Outputs to the task's answer."""
    assert call.task is not None
    call.task.finish(call)


def reply(call: Call, encoded: EncodedBody, times: dict[str, str]) -> Reply:
    """Status and headers for a body."""
    own = correlation_id(call.row.headers)
    if own:
        times = times | {"x-correlation-id": own}
    if call.ignored:
        times = times | {"x-ignored": listed(call.ignored)}
    if "origin" in call.row.headers:
        times = times | EXPOSED
    if call.error is not None:
        status = call.protocol.status(call.error)
        return Reply(status, encoded.content_type, encoded.body, times | ERROR_HEADERS.get(type(call.error), {}))
    counts = {"x-tokens": str(call.tokens), "x-truncated": str(call.truncated)}
    if call.cached is not None:
        counts["x-cached"] = str(call.cached)
    return Reply(200, encoded.content_type, encoded.body, times | counts | dict(encoded.headers))


def failure(error: BertError) -> Reply:
    """A reply for when not even the pipeline could be entered."""
    return Reply(error.status, JSON, envelope(error))
