"""What every part of the run is given, and how it writes down results: line by line, as they come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import orjson

from benchmarks.gpu.sizes import Sizes
from handler.config import Dtype

RESULTS = "results.jsonl"
"""One JSON object per line: `part`, `kind`, and what was found. A part that is killed loses nothing it has written."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where a part runs, and how long it may.

    Attributes:
        part: its name.
        folder: for results.
        scratch: for what is not kept, servers' folders among it.
        device: `cuda:0`, or `cpu` in a rehearsal.
        sizes: how much is measured.
        end: `time.monotonic()` after which it begins nothing new.
    """

    part: str
    folder: Path
    scratch: Path
    device: str
    sizes: Sizes
    end: float

    @property
    def left(self) -> float:
        """Seconds."""
        return self.end - monotonic()

    @property
    def gpu(self) -> bool:
        """Whether the device is one; else this is a rehearsal on the CPU."""
        return self.device != "cpu"

    @property
    def halves(self) -> tuple[Dtype, ...]:
        """Dtypes of 16 bits that are measured."""
        return ("bfloat16", "float16")

    def add(self, kind: str, **found: Any) -> None:
        """Write one result down.

        Args:
            kind: what it is of; results of one kind are rows of one table.
            found: JSON-able values, numpy's included.
        """
        append(self.folder, self.part, kind, **found)

    def skip(self, kind: str, reason: str, **about: Any) -> None:
        """Write down that something was not measured, and why."""
        self.add(kind, skipped=reason, **about)

    def late(self, kind: str, **about: Any) -> bool:
        """Whether time is up; if so, what is left out is written down."""
        if self.left > 0:
            return False
        self.skip(kind, "no time left", **about)
        return True


def append(folder: Path, part: str, kind: str, **found: Any) -> None:
    """One line more; see `Context.add`."""
    line = orjson.dumps({"part": part, "kind": kind, **found}, option=orjson.OPT_SERIALIZE_NUMPY)
    with (folder / RESULTS).open("ab") as file:
        file.write(line + b"\n")
    print(line.decode(), flush=True)  # the log shows what came when


def read(folder: Path) -> list[dict[str, Any]]:
    """All results so far; a line that a killed part left unfinished is dropped."""
    file = folder / RESULTS
    found = []
    for line in file.read_bytes().splitlines() if file.exists() else ():
        try:
            found.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            continue
    return found
