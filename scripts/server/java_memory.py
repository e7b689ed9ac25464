"""Memory that Java took for large requests, given back: on its own it keeps what it once had, in use or not.

`jcmd`, which comes with Java, asks it to collect its garbage and to return what is free. That stops Java for some
tens of milliseconds, so it is done only when Java has grown, and less and less often where it does not help.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from time import sleep

import psutil

from scripts.server.state import Server

SECONDS = 3.0
"""Between two looks at Java's memory, and before the first."""
GROWN = 1.25
"""Times of what it kept after the last collection; below half as much again there is no harm."""
MOST_LOOKS = 128
"""Between two collections of a Java whose memory is in use."""
COMMANDS = "GC.run\nSystem.trim_native_heap"
"""Of `jcmd`: the heap, and what the C library keeps of freed buffers, which lie outside of it."""
JCMD_SECONDS = 30


def serve(server: Server) -> None:
    """Look after it from a thread of this process."""
    Thread(target=watch, args=(server,), daemon=True).start()


def watch(server: Server) -> None:
    """Until this process ends; another Java begins anew."""
    java: psutil.Process | None = None
    looks: Iterator[None] = iter(())
    while True:
        sleep(SECONDS)
        now = server.current().process()
        if now is not None and now != java:
            java, looks = now, looking(now)
        next(looks, None)


def looking(java: psutil.Process) -> Iterator[None]:
    """A look at each step; it ends with the process.

    Memory that is in use at a collection may be free soon after, though the process is as large as before. So one that
    has ever been smaller is collected again, after twice as many looks each time.
    """
    try:
        least = kept = collect(java)
        patience = 1
        while True:
            for _ in range(patience):
                yield
                if grown := resident(java) > GROWN * kept:
                    break
            if grown or kept > GROWN * least:
                kept = collect(java)
                least = min(least, kept)
                patience = 1 if kept <= GROWN * least else min(2 * patience, MOST_LOOKS)
    except (psutil.NoSuchProcess, OSError, subprocess.SubprocessError):
        return


def resident(java: psutil.Process) -> int:
    """Bytes of memory that it has."""
    return int(java.memory_info().rss)


def collect(java: psutil.Process) -> int:
    """Let it give back what it does not use; the bytes that it has then.

    Raises:
        OSError: this Java came without `jcmd`, as some distributions' runtimes do.
        SubprocessError: it does not answer.
    """
    command = [str(Path(java.exe()).with_name("jcmd")), str(java.pid), COMMANDS]
    subprocess.run(command, check=True, timeout=JCMD_SECONDS, stdin=subprocess.DEVNULL, capture_output=True)
    return resident(java)
