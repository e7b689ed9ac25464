"""What torch costs a worker that would need none: `python -m benchmarks.without_torch`, in seconds, memory and disk.

The runtime `native` computes in kernels of its own. Each set of libraries is imported by processes in turn, while
another process has imported all of them: what workers share is no worker's own.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

ROUNDS = 7
NEEDED = "numpy, safetensors, tokenizers, orjson, msgspec, yaml, psutil, ctypes"
SETS = {"without torch": NEEDED, "with torch": f"{NEEDED}, torch"}
IMPORT = """
import time; begun = time.perf_counter()
import {libraries}
took = time.perf_counter() - begun
import json, psutil
memory = psutil.Process().memory_full_info()
print(json.dumps([took, memory.uss, memory.rss]))
"""
CARRIED = ("torch", "sympy", "mpmath", "networkx")
"""What is installed for torch alone."""


@contextmanager
def companion(libraries: str) -> Iterator[None]:
    """A process that has imported them, and maps their files."""
    code = f"import {libraries}\nprint('ready', flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        yield
        other.stdin.write("\n")


def imported(libraries: str) -> tuple[float, int, int]:
    """Seconds, bytes of its own, and bytes with those that are shared, of a process that imports them."""
    code = IMPORT.format(libraries=libraries)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    seconds, own, resident = json.loads(said)
    return seconds, own, resident


def on_disk(package: str) -> int:
    """Bytes of a package's files, as pip wrote them down."""
    return sum(file.stat().st_size for file in files(package))


def files(package: str) -> Iterator[Path]:
    """Those that are there."""
    for file in metadata.files(package) or ():
        path = Path(str(file.locate()))
        if path.is_file():
            yield path


def main() -> None:
    """Print medians."""
    found: dict[str, list[tuple[float, int, int]]] = {name: [] for name in SETS}
    with companion(SETS["with torch"]):
        for _ in range(ROUNDS):
            for name, libraries in SETS.items():
                found[name].append(imported(libraries))
    for name, rows in found.items():
        seconds, own, resident = (statistics.median(column) for column in zip(*rows, strict=True))
        print(
            f"{name:14} import {seconds:.2f} s, {own / 2**20:.0f} MiB of its own, {resident / 2**20:.0f} MiB resident"
        )
    for package in CARRIED:
        print(f"{package:14} {on_disk(package) / 1e6:.0f} MB on disk")


if __name__ == "__main__":
    main()
