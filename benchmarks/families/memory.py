"""How far one long text raises a process's peak memory: run by a process of its own, which has had no other."""

from __future__ import annotations

import json
import subprocess
import sys
from ctypes import addressof
from pathlib import Path

from benchmarks.families.models import SHAPE, load, sequence
from handler.runtimes.native import Native

TOKENS = 8192


def peak(here: Path) -> dict[str, int]:
    """Bytes of this process: what a sequence of `TOKENS` added to its peak, and what lies between layers of that."""
    ours = load(Native, here)
    assert isinstance(ours, Native)
    ours.run([sequence(64)])
    before = highest()
    ours.run([sequence(TOKENS)])
    scratch = 4 * ours.scratch(addressof(ours.model), TOKENS)
    arrays = (sum(ours.workspace.widths) + 4 * SHAPE.hidden) * TOKENS + scratch
    return {"peak_bytes": highest() - before, "arrays_bytes": arrays}


def highest() -> int:
    """Bytes that this process has had at most."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def measured(here: Path) -> dict[str, int]:
    """The same, of a new process."""
    ran = subprocess.run([sys.executable, "-m", __name__, here], check=True, stdout=subprocess.PIPE)
    found: dict[str, int] = json.loads(ran.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    print(json.dumps(peak(Path(sys.argv[1]))))
