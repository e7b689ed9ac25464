"""200,000 texts on this machine: the engine's own rate kept, memory flat, killed at random moments and called again.

`python -m tests.bulk.local`. The engine's rate is that of an archive opened in one process with all cores, over the
same texts in memory; it is measured before and after. Memory is the sum over all processes of what no other shares
(USS), once a second.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from time import monotonic

import psutil

from tests.bulk import corpus
from tests.bulk.corpus import Corpus

BLOCK = 2048
KEPT = 0.95
"""Of the engine's rate."""
GROWTH = 1.05
"""Of memory, from the second fifth of a run to the last."""
ENGINE = """
import json, sys
from time import monotonic
from handler import open_archive
texts = [json.loads(line)["text"] for line in open(sys.argv[2])]
with open_archive(sys.argv[1]) as bert:
    bert.embed(texts[:512])
    begin = monotonic()
    bert.embed(texts)
    print(len(texts) / (monotonic() - begin))
"""


def engine_rate(made: Corpus) -> float:
    """Texts per second of an archive that has them in memory."""
    environment = {**os.environ, "BERT_CACHE": str(made.here / "cache"), "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-c", ENGINE, str(made.archive), str(made.texts)]
    rate = float(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout)
    print(f"the engine, over texts in memory: {rate:,.0f} texts/s", flush=True)
    return rate


def bulk_rate(made: Corpus, folder: Path) -> float:
    """Texts per second of a whole `embed`, from its start to its end; its memory is looked at meanwhile."""
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
    print(f"embed, from its start to its end: {rate:,.0f} texts/s; {running.stdout.read().split()}", flush=True)
    fifth = len(sizes) // 5
    early, late = max(sizes[fifth : 2 * fifth]), max(sizes[-fifth:])
    print(f"memory of all its processes: {early / 1e6:,.0f} MB in the second fifth, {late / 1e6:,.0f} MB in the last")
    assert late <= GROWTH * early
    return rate


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
    """Measure, then kill."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--words", type=float, default=24, help="per text, on average")
    parser.add_argument("--no-speed", action="store_true", help="kill only, for a machine with other work")
    arguments = parser.parse_args()
    print(f"python -m tests.bulk.local {' '.join(sys.argv[1:])}".rstrip() + "\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="bert-bulk-") as name:
        made = corpus.make(Path(name), arguments.rows, arguments.words)
        whole = made.here / "whole"
        before = engine_rate(made)
        rate = bulk_rate(made, whole)
        after = engine_rate(made)
        share = 2 * rate / (before + after)
        print(f"share of the engine's rate: {share:.3f}")
        print(corpus.count(whole, made.rows))
        killed(made, made.here / "again")
        print(corpus.same(whole, made.here / "again"))
        print(f"load average of this machine with {os.cpu_count()} cores: {os.getloadavg()[0]:.1f}")
        assert share >= KEPT or arguments.no_speed


if __name__ == "__main__":
    main()
