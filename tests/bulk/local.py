"""200,000 texts on this machine: fast, memory flat, killed at random moments and resumed: `python -m tests.bulk.local`.

Three parts over the same archive: `embed` and the engine take turns over the first fifth of the texts (`speed.py`);
`embed` runs over all of them, its memory looked at; and again, killed with -9 three times on the way. Memory is the sum
over all processes of what no other shares (USS), once a second.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import psutil

from tests.bulk import corpus, speed
from tests.bulk.corpus import Corpus

GROWTH = 1.05
"""Of memory, from the second fifth of a run to the last."""


def whole(made: Corpus, folder: Path, say: Callable[[str], None]) -> bool:
    """A run from its start to its end; whether its memory stays what it was."""
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
    assert running.stdout is not None
    rate = made.rows / seconds
    say(f"embed, from its start to its end: {rate:,.0f} texts/s; {json.loads(running.stdout.read())}")
    fifth = len(sizes) // 5
    early, late = max(sizes[fifth : 2 * fifth]), max(sizes[-fifth:])
    good = late <= GROWTH * early
    say(
        f"{'ok    ' if good else 'FAILED'} memory of all its processes: {early / 1e6:,.0f} MB in the second fifth of "
        f"{seconds:.0f} s, {late / 1e6:,.0f} MB in the last"
    )
    return good


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


def killed(made: Corpus, folder: Path, say: Callable[[str], None]) -> None:
    """Kill `embed` three times, upon which its processes end by themselves, and let it end the fourth."""
    for moment in corpus.moments(made.parts, 3):
        running = made.start(folder)
        corpus.until(folder, moment, running)
        running.send_signal(signal.SIGKILL)
        running.wait()
        say(f"killed with -9 when {corpus.written(folder) // 2} of {made.parts} parts were written")
    running = made.start(folder)
    summary = json.loads(running.communicate()[0])
    assert running.returncode == 0
    say(f"called again: {summary}")


def main() -> int:
    """The exit status: 0 when all is as it should be."""
    asked = corpus.options(__doc__)
    with tempfile.TemporaryDirectory(prefix="bert-bulk-") as name, corpus.log(asked) as say:
        made = corpus.make(Path(name), asked)
        fast = speed.compare(made.first(made.rows // 5), say)
        flat = whole(made, made.here / "whole", say)
        say(f"ok     {corpus.count(made.here / 'whole', made.rows)}")
        killed(made, made.here / "again", say)
        say(f"ok     beside the run that was not killed: {corpus.same(made.here / 'whole', made.here / 'again')}")
    return 0 if fast and flat else 1


if __name__ == "__main__":
    sys.exit(main())
