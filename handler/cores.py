"""How many cores this process may keep busy."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

GROUP = Path("/sys/fs/cgroup")
"""Where a container sees the limits of its own control group."""


def cores() -> int:
    """Cores this process may run on, and no more than its container's quota pays for.

    A quota is rounded down: threads that wait for each other lose more by being stopped than by being fewer.
    """
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    paid = quota(GROUP)
    return here if paid is None else max(1, min(here, int(paid)))


@cache  # asked for each batch
def quota(group: Path) -> float | None:
    """Cores' worth of time a control group gets (`docker run --cpus`); None for as much as there is.

    Formats: `cpu.max` of cgroup v2, `cpu.cfs_quota_us` and `cpu.cfs_period_us` of v1
    (docs.kernel.org/admin-guide/cgroup-v2.html, docs.kernel.org/scheduler/sched-bwc.html).
    """
    together, apart = group / "cpu.max", group / "cpu"
    try:
        if together.exists():
            given, period = together.read_text().split()
        else:
            given, period = ((apart / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
    except (OSError, ValueError):  # no control groups, or none that this process may see
        return None
    return None if given in ("max", "-1") else int(given) / int(period)
