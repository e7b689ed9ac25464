"""200,000 texts on this machine: memory flat, killed at random moments and called again: `python -m tests.bulk.local`.

Memory is the sum over all processes of what no other shares (USS), once a second.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from time import monotonic

import psutil

from tests.bulk import corpus
from tests.bulk.corpus import Corpus

BLOCK = 2048
GROWTH = 1.05
"""Of memory, from the second fifth of a run to the last."""


def whole(made: Corpus, folder: Path) -> None:
    """A run from its start to its end; its memory is looked at meanwhile."""
    begin, sizes = monotonic(), []
    running = made.start(folder)
    while running.poll() is None:
        sizes.append(unshared(running.pid))
        try:
            running.wait(1)
        except subprocess.TimeoutExpired:
            continue
    seconds = monotonic() - begin
    assert running.returncode == 0
    rate = made.rows / seconds
    print(f"embed, from its start to its end: {rate:,.0f} texts/s; {json.loads(running.stdout.read())}", flush=True)
    fifth = len(sizes) // 5
    early, late = max(sizes[fifth : 2 * fifth]), max(sizes[-fifth:])
    print(f"memory of all its processes: {early / 1e6:,.0f} MB in the second fifth, {late / 1e6:,.0f} MB in the last")
    assert late <= GROWTH * early


def unshared(pid: int) -> int:
    """Bytes of a process and those it started."""
    total = 0
    try:
        first = psutil.Process(pid)
        for process in (first, *first.children(recursive=True)):
            total += process.memory_full_info().uss
    except psutil.NoSuchProcess:
        pass
    return total


def killed(made: Corpus, folder: Path) -> None:
    """Kill `embed` with everything it started, three times, and let it end the fourth."""
    parts = -(-made.rows // BLOCK)
    for moment in corpus.moments(parts, 3):
        running = made.start(folder)
        corpus.until(folder, moment, running)
        running.send_signal(signal.SIGKILL)
        running.wait()
        print(f"killed with {corpus.written(folder) // 2} of {parts} parts written", flush=True)
    running = made.start(folder)
    summary = json.loads(running.communicate()[0])
    assert running.returncode == 0
    print(f"called again: {summary}", flush=True)


def main() -> None:
    """Whole, then killed."""
    asked = corpus.options(__doc__)
    with tempfile.TemporaryDirectory(prefix="bert-bulk-") as name:
        made = corpus.make(Path(name), asked)
        whole(made, made.here / "whole")
        print(corpus.count(made.here / "whole", made.rows))
        killed(made, made.here / "again")
        print(corpus.same(made.here / "whole", made.here / "again"))
        print(f"load average of this machine with {os.cpu_count()} cores: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
