"""What nvidia-smi says of the GPU; nothing where there is none."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import mean
from threading import Event, Thread
from typing import Any

PAUSE_SECONDS = 0.25


def query(*words: str) -> list[str]:
    """Lines of its answer; none if it is not there or does not answer."""
    try:
        done = subprocess.run(
            ["nvidia-smi", *words, "--format=csv,noheader"], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.strip().splitlines() if done.returncode == 0 else []


def processes() -> list[str]:
    """Those that compute; a container may see none, or other ids than its own."""
    return query("--query-compute-apps=pid,name,used_memory")


def memory() -> list[str]:
    """In use and in all, of each GPU."""
    return query("--query-gpu=memory.used,memory.total")


@dataclass(slots=True)
class Samples:
    """Utilisation in percent and memory in MiB, one of each per look at each GPU; MIG knows no utilisation."""

    busy: list[float] = field(default_factory=list)
    used: list[float] = field(default_factory=list)

    def take(self, lines: Sequence[str]) -> None:
        """Add what can be read of `97 %, 1234 MiB`."""
        for line in lines:
            for found, part in zip((self.busy, self.used), line.split(","), strict=False):
                number = part.split()[0] if part.split() else ""
                if number.replace(".", "", 1).isdigit():
                    found.append(float(number))

    def clear(self) -> None:
        """Begin anew."""
        self.busy.clear()
        self.used.clear()

    def report(self) -> dict[str, Any]:
        """Mean utilisation and most memory; None for what was never seen."""
        return {
            "gpu_percent": round(mean(self.busy), 1) if self.busy else None,
            "gpu_memory_mib": max(self.used, default=None),
        }


@contextmanager
def sampled() -> Iterator[Samples]:
    """Look again and again while the block runs."""
    samples, done = Samples(), Event()

    def look() -> None:
        while not done.is_set():
            lines = query("--query-gpu=utilization.gpu,memory.used")
            if not lines:
                return
            samples.take(lines)
            done.wait(PAUSE_SECONDS)

    watcher = Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield samples
    finally:
        done.set()
        watcher.join(PAUSE_SECONDS * 4)
