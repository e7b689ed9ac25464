"""What a pod needs, by the size of its archive and its workers; measured by `python -m tests.containers.run`."""

from __future__ import annotations

MIB = 1 << 20
SERVER = 512
"""MiB of Java, its supervisor and the command, with room for bodies in flight."""
WORKER = 384
"""MiB of a worker's own beside the weights, which all workers map."""
LOGS = 256
"""MiB on disk: TorchServe's logs are at most 160, then the oldest goes."""
MOST_WORKERS, WORKERS_PER_GPU = 8, 2
"""As `scripts/server/preflight.py` has them."""


def workers(cpus: int, gpu: bool) -> int:
    """How many `start` makes in such a pod."""
    return WORKERS_PER_GPU if gpu else min(cpus, MOST_WORKERS)


def memory(archive_bytes: int, workers: int) -> int:
    """MiB: the weights are in memory as the archive's file, and again as the kernels read them."""
    return SERVER + workers * WORKER + 2 * mib(archive_bytes)


def disk(archive_bytes: int) -> int:
    """MiB: the server's copy of the archive, what is unpacked of it, and the matrices made of that."""
    return LOGS + 3 * mib(archive_bytes)


def mib(size: int) -> int:
    """Bytes as MiB, rounded up."""
    return -(-size // MIB)
