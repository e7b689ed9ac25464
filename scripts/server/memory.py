"""How much memory workers take, and how much there is: more of them than fit would take the machine down."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from handler.cores import GROUP
from scripts.console import Failure

MIB = 1 << 20
UNKNOWN_WORKER = 256 * MIB
"""Of a worker that cannot be measured; the default model's have about 150 MiB of their own."""


def check(model: str, pids: Sequence[int], wanted: int) -> None:
    """Refuse more workers than fit.

    Args:
        model: its name.
        pids: of the workers it has.
        wanted: how many it shall have.

    Raises:
        Failure: with the numbers.
    """
    more = wanted - len(pids)
    each = max(map(own, pids), default=0) or UNKNOWN_WORKER
    free = available()
    if more > 0 and more * each > free:
        raise Failure(
            f"{wanted} workers of {model} do not fit: {more} more take about {more * each // MIB} MiB "
            f"({each // MIB} MiB each), and {free // MIB} MiB are free",
            fix=f"at most {len(pids) + free // each} workers",
        )


def own(pid: int) -> int:
    """Bytes that a process shares with no other; 0 when it is gone, or may not be looked at."""
    with suppress(psutil.Error, AttributeError):
        return int(psutil.Process(pid).memory_full_info().uss)
    return 0


def available() -> int:
    """Bytes that processes here may still take: of the machine, and of the control group where that has a limit."""
    return min([int(psutil.virtual_memory().available), *group(GROUP)])


def group(folder: Path) -> list[int]:
    """Bytes that a control group has left; empty where it has no limit.

    Formats: `memory.max`, `memory.current` and `memory.stat` of cgroup v2; the page cache is given back when it is
    needed (docs.kernel.org/admin-guide/cgroup-v2.html).
    """
    try:
        limit, used = ((folder / f"memory.{name}").read_text().strip() for name in ("max", "current"))
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        cached = int(statistics.get("inactive_file", 0)) + int(statistics.get("active_file", 0))
        return [] if limit == "max" else [max(0, int(limit) - int(used) + cached)]
    except (OSError, ValueError):
        return []
