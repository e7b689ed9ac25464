"""Stage times and counters, under the same names in response headers and in Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from threading import Event, Lock, Thread
from time import perf_counter

from handler import histograms
from handler.call import Call
from handler.histograms import Key, Labels, Observations

STAGES = ("decode", "tokenize", "forward", "postprocess", "encode")
NO_TASK = "none"
"""Of what could not be decoded: with an empty label TorchServe drops the value (`Metric.parse` in its sources)."""
HEAD_START = 0.05
"""Seconds from a batch until its counters are handed on: both need the interpreter, and its answer is to go first."""
FLUSH_SECONDS = 1.0  # each flushed value is a line on stdout that the server parses: few of them, not one per request

Emit = Callable[[str, float, dict[str, str]], None]
"""Adds a value to the counter of that name and with those dimensions."""


class Stage:
    """A block of a stage; a generator in its place takes three times as long, several times in each batch."""

    __slots__ = ("name", "seconds", "start")

    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self.seconds, self.name = seconds, name

    def __enter__(self) -> None:
        self.start = perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds[self.name] += perf_counter() - self.start


class StageTimer:
    """Seconds spent per stage by one batch of requests."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)

    def stage(self, name: str) -> Stage:
        """Time the block under a stage's name."""
        return Stage(self.seconds, name)

    def headers(self) -> dict[str, str]:
        """`x-<stage>-time` in milliseconds. Stages are shared by the batch, so these are the batch's times."""
        return {f"x-{name}-time": f"{seconds * 1000:.3f}" for name, seconds in self.seconds.items()}


class Telemetry:
    """Sums counters and hands them on at most once a second, from a thread of its own, when the batch is answered.

    Args:
        emit: where they go.
        besides: what else the thread does each time.
    """

    def __init__(self, emit: Emit, besides: Callable[[], None] = lambda: None) -> None:
        self._emit = emit
        self._besides = besides
        self._pending: Counter[Key] = Counter()
        self._observed = Observations()
        self._known: set[Key] = set()
        self._lock = Lock()
        self._news = Event()
        self._thread = Thread(target=self._flush_forever, name="telemetry", daemon=True)

    def record(self, calls: Sequence[Call], timer: StageTimer, seconds: float, cache: Mapping[str, int]) -> None:
        """Count one batch of requests, which took so long from its arrival in the worker, and what its cache did."""
        answered = [call for call in calls if call.error is None]
        texts, tokens = sum(len(call.texts) for call in answered), sum(call.tokens for call in answered)
        with self._lock:
            counts, observe = self._pending, self._observed.add
            counts["bert_batches", ()] += 1
            counts["bert_requests", ()] += len(calls)
            counts["bert_texts", ()] += texts
            counts["bert_tokens", ()] += tokens
            counts["bert_truncations", ()] += sum(call.truncated for call in answered)
            for name, number in cache.items():
                counts[f"bert_cache_{name}", ()] += number
            for call in calls:
                if call.error is not None:
                    counts["bert_errors", (("error_type", call.error.error_type),)] += 1
            for labels, times in Counter(map(outcome, calls)).items():
                observe(histograms.REQUEST_SECONDS, seconds, labels, times)
            observe(histograms.BATCH_REQUESTS, len(calls))
            observe(histograms.BATCH_TEXTS, texts)
            observe(histograms.BATCH_TOKENS, tokens)
            for name, spent in timer.seconds.items():
                counts["bert_stage_seconds", (("stage", name),)] += spent  # type: ignore[assignment]
                observe(histograms.STAGE_SECONDS, spent, (("stage", name),))
            if self._thread.ident is None:  # an archive in one's own process never comes here
                self._thread.start()
        self._news.set()

    def record_idle(self, idle: float, wire: float) -> None:
        """Seconds since the last batch: waiting for requests, and reading and writing TorchServe's messages."""
        with self._lock:
            self._pending["bert_stage_seconds", (("stage", "idle"),)] += idle  # type: ignore[assignment]
            self._pending["bert_stage_seconds", (("stage", "wire"),)] += wire  # type: ignore[assignment]

    def _flush_forever(self) -> None:
        pause = Event()
        while True:
            self._news.wait()
            pause.wait(HEAD_START)
            self._news.clear()
            self.flush()
            self._besides()
            pause.wait(FLUSH_SECONDS)

    def flush(self) -> None:
        """Emit what has gathered since the last time."""
        with self._lock:
            pending, self._pending = self._pending, Counter()
            observed, self._observed = self._observed, Observations()
        for key, amount in (*pending.items(), *observed.counters()):
            if amount or key not in self._known:
                name, labels = key
                self._emit(name, amount, dict(labels))
                self._known.add(key)


def outcome(call: Call) -> Labels:
    """What was asked for, and the status of the answer."""
    status = 200 if call.error is None else call.protocol.status(call.error)
    return ("task", call.task.name if call.task else NO_TASK), ("status", str(status))
