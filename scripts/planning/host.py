"""`Host`: what the simulation knows of a kind of machine with one model, and the file that keeps it."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from scripts.console import Failure

NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]


class Host(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A machine that serves one model. Times are milliseconds of one core that has nothing else to do.

    Attributes:
        cores: that the server and what runs beside it share.
        workers: of the model.
        batch_size: `batchSize`; most requests of a batch.
        batch_delay_ms: how long TorchServe waits for a batch to fill: `maxBatchDelay`, and 0 where that is 1.
        queue: `jobQueueSize`; requests that may wait, besides the batch that is being collected.
        batch_ms: of a worker, for each batch, on one thread: reading, tokenizing, writing.
        request_ms: of a worker, for each request, on one thread.
        forward_ms: of the forward, for each batch; its threads share it.
        token_ms: of the forward, for each token; its threads share it.
        attention: of a text with `l` tokens, each costs `token_ms * (1 + attention * l)`.
        java_batch_ms: of Java, for each batch, while its worker waits for the next one.
        frontend_ms: of Java, for each request, beside the workers.
        client_ms: of the load generator, for each request; counts only where clients run on the host.
        speedup: of a lone request's forward by all cores; 1 for none.
        overhead_ms: latency that is no work: timers, wake-ups, sockets.
        cold_ms: by which a batch takes longer on a host that has rested; see `machine.COLD_SECONDS`.
        variation: standard deviation of a batch's time over its mean; 1 makes it exponential.
        other_cores: that other programs of the host keep busy.
        threads: `handler.threads`; 0 shares the cores among busy workers.
    """

    cores: Count
    workers: Count
    batch_size: Count = 16
    batch_delay_ms: NotNegative = 1.0
    queue: Annotated[int, Meta(ge=0)] = 64
    batch_ms: NotNegative
    request_ms: NotNegative
    forward_ms: NotNegative = 0.0
    token_ms: NotNegative
    attention: NotNegative = 0.0
    java_batch_ms: NotNegative = 0.0
    frontend_ms: NotNegative = 0.0
    client_ms: NotNegative = 0.0
    speedup: Annotated[float, Meta(ge=1)] = 1.0
    overhead_ms: float = 0.0
    cold_ms: NotNegative = 0.0
    variation: NotNegative = 0.0
    other_cores: NotNegative = 0.0
    threads: Annotated[int, Meta(ge=0)] = 0

    def background_ms(self, clients_here: bool) -> float:
        """What a request costs the cores beside its worker."""
        return self.frontend_ms + (self.client_ms if clients_here else 0.0)

    @property
    def gain(self) -> float:
        """Of each further thread, as a share of the first one's speed."""
        return (self.speedup - 1) / (self.cores - 1) if self.cores > 1 else 0.0

    def capacity(self, mean_token_ms: float, clients_here: bool = False) -> float:
        """Requests per second with full batches: what the workers' time allows, and what the cores' time allows.

        Infinite where requests cost nothing.

        Args:
            mean_token_ms: what the tokens of a request cost on average.
            clients_here: whether the load generator takes cores of the host.
        """
        threads = self.threads or max(1, self.cores // self.workers)
        serial = (self.batch_ms + self.java_batch_ms) / self.batch_size + self.request_ms
        forward = (self.forward_ms / self.batch_size + mean_token_ms) / (1 + self.gain * (threads - 1))
        each, together = serial + forward, serial + forward * threads + self.background_ms(clients_here)
        free = max(0.0, self.cores - self.other_cores)
        return 1000 * min(self.workers / each if each else inf, free / together if together else inf)


def read(file: Path) -> Host:
    """A host's JSON.

    Raises:
        Failure: it is none; the key that is missing, unknown or of the wrong kind is named.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=Host)
    except msgspec.DecodeError as error:
        raise Failure(f"{file}: {error}", fix="scripts/bert plan NAME --save FILE writes one") from None


def as_dict(host: Host) -> dict[str, float]:
    """For JSON."""
    found: dict[str, float] = msgspec.to_builtins(host)
    return found


def save(host: Host, file: Path) -> None:
    """Write it as JSON, a key per line."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(host)) + b"\n")
