"""Stage times and counters, under the same names in response headers and in Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Lock, Thread
from time import perf_counter

from handler.call import Call

STAGES = ("decode", "tokenize", "forward", "postprocess", "encode")
FLUSH_SECONDS = 1.0  # each flushed value is a line on stdout that the server parses: few of them, not one per request

Emit = Callable[[str, float, dict[str, str]], None]
"""Adds a value to the counter of that name and with those dimensions."""


class StageTimer:
    """Seconds spent per stage by one batch of requests."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block under a stage's name."""
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += perf_counter() - start

    def headers(self) -> dict[str, str]:
        """`x-<stage>-time` in milliseconds. Stages are shared by the batch, so these are the batch's times."""
        return {f"x-{name}-time": f"{seconds * 1000:.3f}" for name, seconds in self.seconds.items()}


class Telemetry:
    """Sums counters and hands them on at most once a second, from a thread of its own."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._pending: Counter[tuple[str, str, str]] = Counter()
        self._lock = Lock()
        self._news = Event()
        Thread(target=self._flush_forever, name="telemetry", daemon=True).start()

    def record(self, calls: Sequence[Call], timer: StageTimer) -> None:
        """Count one batch of requests."""
        answered = [call for call in calls if call.error is None]
        counts: Counter[tuple[str, str, str]] = Counter()
        counts["bert_batches", "", ""] = 1
        counts["bert_requests", "", ""] = len(calls)
        counts["bert_texts", "", ""] = sum(len(call.texts) for call in answered)
        counts["bert_tokens", "", ""] = sum(call.tokens for call in answered)
        counts["bert_truncations", "", ""] = sum(call.truncated for call in answered)
        for call in calls:
            if call.error is not None:
                counts["bert_errors", "error_type", call.error.error_type] += 1
        with self._lock:
            self._pending.update(counts)
            for name, seconds in timer.seconds.items():
                self._pending["bert_stage_seconds", "stage", name] += seconds  # type: ignore[assignment]
        self._news.set()

    def record_restarts(self, workers: int) -> None:
        """Workers that died before this one, which takes their place."""
        with self._lock:
            self._pending["bert_worker_restarts", "", ""] += workers
        self._news.set()

    def record_idle(self, idle: float, wire: float) -> None:
        """Seconds since the last batch: waiting for requests, and reading and writing TorchServe's messages."""
        with self._lock:
            self._pending["bert_stage_seconds", "stage", "idle"] += idle  # type: ignore[assignment]
            self._pending["bert_stage_seconds", "stage", "wire"] += wire  # type: ignore[assignment]

    def _flush_forever(self) -> None:
        pause = Event()
        while True:
            self._news.wait()
            self._news.clear()
            self.flush()
            pause.wait(FLUSH_SECONDS)

    def flush(self) -> None:
        """Emit what has gathered since the last time."""
        with self._lock:
            pending, self._pending = self._pending, Counter()
        for (name, dimension, value), amount in pending.items():
            if amount:
                self._emit(name, amount, {dimension: value} if dimension else {})
