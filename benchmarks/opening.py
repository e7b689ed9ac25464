"""How long a fresh process takes to its first answer from an archive: `python -m benchmarks.opening ARCHIVE`.

Each round unpacks the archive into an empty folder once, and opens it again from there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from statistics import median

from handler.unpacking import CACHE
from scripts.load import machine
from scripts.paths import ROOT

ROUNDS = 9
PROGRAM = """
import json, sys
from time import perf_counter
begin = perf_counter()
from handler import engine
imported = perf_counter()
with engine.Archive(sys.argv[1]) as archive:
    opened = perf_counter()
    archive.embed("A man is eating food.")
    answered = perf_counter()
print(json.dumps({"import": imported - begin, "open": opened - imported, "answer": answered - opened}))
"""


def measured(archive: str, cache: str) -> dict[str, float]:
    """Seconds of one process: for imports, torch's among them; from there until it is open; until the first answer."""
    environment = {**os.environ, CACHE: cache}
    command = [sys.executable, "-P", "-c", PROGRAM, archive]
    ran = subprocess.run(
        command, env={**environment, "PYTHONPATH": str(ROOT)}, check=True, stdout=subprocess.PIPE, text=True
    )
    seconds: dict[str, float] = json.loads(ran.stdout)
    return seconds


def main(archive: str) -> None:
    """Print medians of all rounds, as JSON."""
    times: dict[str, list[dict[str, float]]] = {"first": [], "again": []}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as cache:
            for found in times.values():
                found.append(measured(archive, cache))
    medians = {
        when: {what: round(median(each[what] for each in found), 3) for what in found[0]}
        for when, found in times.items()
    }
    print(json.dumps({"machine": machine.describe(), "rounds": ROUNDS, "seconds": medians}, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])
