"""One host in the simulation: TorchServe's queue and batches, workers, and the cores they share."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from math import inf

from scripts.planning.host import Host

COLD_SECONDS = 0.012
"""Of rest after which a host is as slow as it gets, on a straight line from none: caches hold others' data, and cores
sleep. Measured on two virtual cores of a Zen 4: a lone text takes 0.1 ms more after a pause of 2 ms, 0.5 after 5, 1.2
after 10 and 1.5 after 20."""
LEAST_CORES = 0.05  # what workers keep where Java alone would take all cores

Batch = list[int]
"""Requests by their numbers."""


class Machine:
    """A host at work. Requests are numbers; whoever calls keeps the time.

    Cores are shared evenly (processor sharing): as long as busy workers want more cores than there are beside Java's
    constant part, all of them slow down alike. So one clock of work done, `virtual`, serves all batches of the host,
    and only its speed changes.

    Args:
        host: what it is.
        work: seconds that the tokens of each request take on one core.
        background: cores that are not the workers': Java's, other programs', clients' that run here; constant.
        noise: factors of a batch's time, one after the other.

    Attributes:
        used: seconds of cores that batches took so far, Java's part of them among it.
    """

    __slots__ = (
        "available", "batch_seconds", "clock", "cold", "collected", "collecting", "cores", "deadline", "delay",
        "demand", "fixed", "forward_seconds", "gain", "gap", "idle", "limit", "noise", "queue", "request_seconds",
        "rested_since", "running", "size", "soonest", "used", "virtual", "work", "workers",
    )  # fmt: skip

    def __init__(self, host: Host, work: Sequence[float], background: float, noise: Iterator[float]) -> None:
        self.cores, self.workers, self.fixed = host.cores, host.workers, host.threads
        self.size, self.limit, self.delay = host.batch_size, host.queue, host.batch_delay_ms / 1000
        self.batch_seconds = (host.batch_ms + host.java_batch_ms) / 1000
        self.request_seconds, self.forward_seconds = host.request_ms / 1000, host.forward_ms / 1000
        self.gain, self.work, self.noise = host.gain, work, noise
        self.available = max(LEAST_CORES * host.cores, host.cores - background)
        self.queue: deque[int] = deque()
        self.collecting = False
        self.collected: Batch = []
        self.running: list[tuple[float, float, Batch]] = []  # a heap of (virtual end, cores wanted, requests)
        self.idle = host.workers
        self.clock = self.virtual = self.demand = self.rested_since = self.used = 0.0
        self.cold = host.cold_ms / 1000
        self.gap = host.overhead_ms / 1000  # of rest, which is in every measurement
        self.deadline = self.soonest = inf

    def arrive(self, request: int, now: float) -> bool:
        """Take a request; False if the queue is full."""
        if self.collecting:
            self.collected.append(request)
            if len(self.collected) == self.size:
                self.dispatch(now)
        elif self.idle:
            self.queue.append(request)
            self.collect(now)
        elif len(self.queue) < self.limit:
            self.queue.append(request)
        else:
            return False
        return True

    def collect(self, now: float) -> None:
        """A free worker takes what waits, and waits for more; others cannot meanwhile (`Model.pollBatch`)."""
        self.collected = [self.queue.popleft() for _ in range(min(self.size, len(self.queue)))]
        if len(self.collected) == self.size or not self.delay:
            self.dispatch(now)
        else:
            self.collecting, self.deadline = True, now + self.delay
            self.soonest = min(self.soonest, self.deadline)

    def dispatch(self, now: float) -> None:
        """Hand the batch to its worker."""
        batch, self.collecting, self.deadline = self.collected, False, inf
        self.idle -= 1
        threads, forward = self.threads(), self.forward_seconds + sum([self.work[request] for request in batch])
        serial = self.batch_seconds + self.request_seconds * len(batch)
        if not self.running:
            serial += self.cold * min(1.0, max(0.0, now - self.rested_since - self.gap) / COLD_SECONDS)
        parallel = forward / (1 + self.gain * (threads - 1))
        alone = (serial + parallel) * next(self.noise)
        wanted = (serial + parallel * threads) / (serial + parallel) if alone else 1.0
        self.used += alone * wanted
        self.advance(now)
        heappush(self.running, (self.virtual + alone, wanted, batch))
        self.demand += wanted
        if self.idle and self.queue:
            self.collect(now)
        self.plan()

    def threads(self) -> int:
        """As `handler.workers.WorkerRegistry.fair_threads` has a share."""
        return self.fixed or max(1, self.cores // (self.workers - self.idle))

    def advance(self, now: float) -> None:
        """Work done since the last change."""
        self.virtual += (now - self.clock) * self.speed()
        self.clock = now

    def speed(self) -> float:
        """Of each thread, as a share of a core."""
        return self.available / self.demand if self.demand > self.available else 1.0

    def plan(self) -> None:
        """Set `soonest`, when this host next has to be looked at; it holds until the host changes."""
        ends = self.clock + (self.running[0][0] - self.virtual) / self.speed() if self.running else inf
        self.soonest = min(ends, self.deadline)

    def look(self, now: float) -> Batch:
        """What happens at `soonest`: the delay of a batch is over, or one is finished, whose requests are returned."""
        if now == self.deadline:
            self.dispatch(now)
            return []
        self.advance(now)
        _, wanted, batch = heappop(self.running)
        self.demand = self.demand - wanted if self.running else 0.0
        self.idle += 1
        self.rested_since = now
        if self.queue and not self.collecting:
            self.collect(now)
        self.plan()
        return batch
