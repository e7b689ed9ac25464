"""How often processes of a server died and were replaced: lines of `restarts.log`, see `handler/locks.py`."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from handler.locks import restarts_log

LINE = re.compile(r"(\S+) (server|worker) ")


class Restarts(NamedTuple):
    """How often processes were replaced since `start`, and when last; None for never."""

    workers: int
    server: int
    last: str | None


def count(locks: Path) -> Restarts:
    """Of the server with that folder of locks."""
    try:
        text = restarts_log(locks).read_text(errors="replace")
    except FileNotFoundError:
        text = ""
    found = [match for match in map(LINE.match, text.splitlines()) if match]
    kinds = Counter(match[2] for match in found)
    return Restarts(kinds["worker"], kinds["server"], found[-1][1] if found else None)
