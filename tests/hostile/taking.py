"""A process that takes a share of a core for as long as something else is measured."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PROGRAM = """
import sys
from time import perf_counter, process_time, sleep

share, begin = float(sys.argv[1]), perf_counter()
print("taking", flush=True)
while True:
    while process_time() < share * (perf_counter() - begin):
        pass
    sleep(0.002)
"""


@contextmanager
def taking(share: float) -> Iterator[int]:
    """Keep a core busy for that share of the time; the process id of what does."""
    command = [sys.executable, "-I", "-c", PROGRAM, str(share)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.terminate()
